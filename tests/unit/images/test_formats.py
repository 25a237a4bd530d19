import io

import numpy as np
import pytest
from PIL import Image

from isic_mmdet.images.decoding import UnreadableError
from isic_mmdet.images.formats import READS_HEIC, SUFFIXES, UNREAD
from isic_mmdet.images.reading import read_image

HEIC_START = b'\0\0\0\x18ftypheic\0\0\0\0mif1heic'


@pytest.mark.skipif(READS_HEIC, reason='pillow-heif is installed')
def test_without_pillow_heif_one_sentence_says_what_helps():
    assert 'pip install pillow-heif' in UNREAD['.heic']
    with pytest.raises(UnreadableError, match=r'^HEIC is not read: .*pip install pillow-heif`$'):
        read_image(HEIC_START + bytes(300))


@pytest.mark.skipif(not READS_HEIC, reason='needs pillow-heif')
@pytest.mark.parametrize('orientation', [1, 3, 6])
def test_with_pillow_heif_photos_are_read_upright(orientation):
    upright = np.zeros((64, 96, 3), np.uint8)
    upright[:20, :30] = (200, 60, 40)  # the upper left corner
    turns = {1: 0, 3: 2, 6: 1}[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    stream = io.BytesIO()
    Image.fromarray(np.rot90(upright, turns)).save(stream, 'HEIF', quality=95, exif=exif.tobytes())
    image = read_image(stream.getvalue())
    assert image.pixels.shape == upright.shape
    assert np.abs(image.pixels.astype(int) - upright).mean() < 4


@pytest.mark.skipif(not READS_HEIC, reason='needs pillow-heif')
def test_with_pillow_heif_damaged_photos_are_unreadable():
    for data in (HEIC_START, HEIC_START + bytes(300)):
        with pytest.raises(UnreadableError):
            read_image(data)


def test_no_format_is_both_read_and_unread():
    assert SUFFIXES.isdisjoint(UNREAD)
    assert ('.heic' in SUFFIXES) == READS_HEIC
