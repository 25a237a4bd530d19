import io
import struct
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from isic_mmdet.images.decoding import UnreadableError
from isic_mmdet.images.frame import Frame
from isic_mmdet.images.orientation import upright
from isic_mmdet.images.reading import read_image
from isic_mmdet.images.sources import SourceFile


def picture(height: int = 40, width: int = 60) -> np.ndarray:
    rows, columns = np.mgrid[:height, :width]
    return np.stack([rows * 4, columns * 3, rows + columns + 60], axis=2).astype(np.uint8)


@pytest.fixture
def read(tmp_path: Path):
    """Return a function that stores an image and reads it back."""

    def store(image: Image.Image, kind: str = 'PNG', reduction=None, **settings):
        stream = io.BytesIO()
        image.save(stream, kind, **settings)
        path = tmp_path / 'file'
        path.write_bytes(stream.getvalue())
        return read_image(SourceFile(path, None, path.stat().st_size, 0), reduction)

    return store


@pytest.mark.parametrize(
    ('mode', 'kind'),
    [
        ('RGB', 'PNG'),
        ('RGBA', 'PNG'),
        ('RGB', 'BMP'),
        ('RGB', 'WEBP'),
        ('RGB', 'TIFF'),
        ('CMYK', 'TIFF'),
        ('CMYK', 'JPEG'),
        ('RGB', 'JPEG'),
    ],
)
def test_color_images_keep_their_colors(read, mode, kind):
    settings = {'lossless': True} if kind == 'WEBP' else {'quality': 98} if kind == 'JPEG' else {}
    image = read(Image.fromarray(picture()).convert(mode), kind, **settings)
    assert image.pixels.shape == (40, 60, 3) and image.pixels.dtype == np.uint8
    assert np.abs(image.pixels.astype(int) - picture()).mean() < (3 if kind == 'JPEG' else 0.01)
    assert image.orientation == 1


def test_an_image_of_several_strips_keeps_its_pixels(read):
    large = picture(700, 800)
    np.testing.assert_array_equal(read(Image.fromarray(large)).pixels, large)


def test_a_palette_is_looked_up(read):
    indexed = Image.fromarray(picture()).quantize(256)
    expected = np.asarray(indexed.convert('RGB'))
    np.testing.assert_array_equal(read(indexed).pixels, expected)
    np.testing.assert_array_equal(read(indexed, transparency=3).pixels, expected)


@pytest.mark.parametrize('mode', ['L', 'LA', '1'])
def test_gray_images_become_gray_colors(read, mode):
    gray = Image.fromarray(picture()).convert('L').convert(mode)
    expected = np.asarray(gray.convert('L'))
    np.testing.assert_array_equal(read(gray).pixels, np.stack([expected] * 3, axis=2))


@pytest.mark.parametrize('kind', ['PNG', 'TIFF'])
def test_of_16_bits_the_upper_8_are_taken(read, kind):
    deep = (picture()[..., 0].astype(np.uint16) << 8) | 0xA5
    image = read(Image.fromarray(deep), kind)
    assert image.is_deep
    assert not read(Image.fromarray(picture()), kind).is_deep
    np.testing.assert_array_equal(image.pixels, np.stack([picture()[..., 0]] * 3, axis=2))


@pytest.mark.parametrize('ending', ['.png', '.tiff'])
def test_of_16_bit_colors_too(tmp_path, ending):
    deep = (picture().astype(np.uint16) << 8) | 0xA5
    path = tmp_path / f'deep{ending}'
    cv2.imwrite(str(path), deep[..., ::-1])
    image = read_image(SourceFile(path, None, path.stat().st_size, 0))
    assert image.is_deep
    np.testing.assert_array_equal(image.pixels, picture())


@pytest.mark.parametrize('kind', ['PNG', 'TIFF'])
def test_12_bits_in_16_would_be_black_and_are_refused(read, kind):
    with pytest.raises(UnreadableError, match='as in images of 12 bits'):
        read(Image.fromarray(picture()[..., 0].astype(np.uint16) << 4), kind)


def test_deeper_grays_are_refused(read):
    with pytest.raises(UnreadableError, match='more than 16 bits'):
        read(Image.fromarray(np.full((4, 4), 70_000, np.int32)), 'TIFF')
    with pytest.raises(UnreadableError, match='mode F'):
        read(Image.fromarray(np.zeros((4, 4), np.float32)), 'TIFF')


@pytest.mark.parametrize('kind', ['JPEG', 'PNG', 'TIFF', 'WEBP'])
@pytest.mark.parametrize('orientation', range(1, 9))
def test_the_image_is_turned_upright(read, kind, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = read(Image.fromarray(picture()), kind, exif=exif)
    assert image.orientation == orientation
    expected = upright(picture(), orientation)  # compared with Pillow in test_orientation.py
    assert image.pixels.shape == expected.shape
    assert np.abs(image.pixels.astype(int) - expected).mean() < 4


@pytest.mark.parametrize('orientation', range(1, 9))
@pytest.mark.parametrize('step', [2, 4, 8])
def test_a_reduced_jpeg_holds_the_means_of_the_pixels_it_stands_for(read, step, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    rows, columns = np.mgrid[:403, :603]
    smooth = np.stack([rows / 2, columns / 3, (rows + columns) / 5], axis=2).astype(np.uint8)
    asked = []

    def reduction(height: int, width: int) -> int:
        asked.append((height, width))
        return step + 1

    settings = {'exif': exif, 'quality': 98, 'subsampling': 0}
    image = read(Image.fromarray(smooth), 'JPEG', reduction, **settings)
    whole = read(Image.fromarray(smooth), 'JPEG', **settings)
    assert asked == [(403, 603)]
    place = image.frame
    assert place.step == step
    assert place.shape == whole.pixels.shape[:2] == whole.frame.shape
    height, width = image.pixels.shape[:2]
    assert (height, width) == tuple(-(-side // step) for side in place.shape)
    padded = np.pad(
        whole.pixels,
        (
            (-place.top, height * step - place.shape[0] + place.top),
            (-place.left, width * step - place.shape[1] + place.left),
            (0, 0),
        ),
        mode='edge',
    )
    means = padded.reshape(height, step, width, step, 3).mean(axis=(1, 3))
    inner = np.s_[1:-1, 1:-1]
    assert np.abs(image.pixels[inner] - means[inner]).max() < 3
    assert np.abs(image.pixels[inner] - means[inner]).mean() < 0.6


@pytest.mark.parametrize('kind', ['PNG', 'TIFF', 'WEBP', 'BMP'])
def test_other_files_are_never_reduced(read, kind):
    image = read(Image.fromarray(picture()), kind, lambda height, width: 8)
    assert image.pixels.shape == (40, 60, 3)
    assert image.frame == Frame((40, 60))


@pytest.mark.parametrize('mode', ['L', 'CMYK'])
def test_gray_and_printed_jpegs_are_reduced_too(read, mode):
    image = read(Image.fromarray(picture()).convert(mode), 'JPEG', lambda height, width: 2)
    assert image.pixels.shape == (20, 30, 3)


@pytest.mark.parametrize(
    ('kind', 'count', 'value'),
    [
        (2, 4, b'six\0'),  # letters
        (11, 1, struct.pack('>f', 6.5)),
        (7, 4, b'\6\6\6\6'),  # of undefined type
        (3, 1, b'\0\x63\0\0'),  # 99
    ],
)
def test_a_forged_tag_turns_nothing(read, kind, count, value):
    entry = struct.pack('>HHI', 0x0112, kind, count) + value
    exif = b'Exif\0\0MM\0*\0\0\0\x08\0\1' + entry + bytes(4)
    image = read(Image.fromarray(picture()), 'JPEG', exif=exif, quality=98)
    assert image.pixels.shape == (40, 60, 3)
    assert np.abs(image.pixels.astype(int) - picture()).mean() < 3


def test_a_missing_file_is_unreadable(tmp_path):
    with pytest.raises(UnreadableError, match='No such file'):
        read_image(SourceFile(tmp_path / 'nowhere.jpg', None, 0, 0))


@pytest.mark.parametrize('size', [(1, 1), (1, 900), (900, 1), (3, 20_000)])
def test_a_thin_jpeg_is_reduced_no_further_than_to_a_pixel(read, size):
    image = read(Image.new('RGB', size, (200, 100, 50)), 'JPEG', lambda height, width: 26)
    assert image.frame.shape == size[::-1]
    assert np.abs(image.pixels.astype(int) - (200, 100, 50)).max() < 5
