import numpy as np
import pytest
from PIL import Image

from isic_mmdet.errors import InputError
from isic_mmdet.evaluation.scores import confusion, jaccard
from isic_mmdet.masks.bit_mask import BitMask
from isic_mmdet.masks.mask_files import read_mask
from isic_mmdet.masks.resize import resize_mask


def disc(height, width):
    """A disc given in relative coordinates, so that every size shows the same shape."""
    y = (np.arange(height) + 0.5) / height - 0.45
    x = (np.arange(width) + 0.5) / width - 0.55
    return (y**2)[:, None] + (x**2)[None] < 0.3**2


def overlap(a, b):
    return jaccard(confusion(BitMask.of(a), BitMask.of(b)))


def test_read_mask_takes_grays_above_128(tmp_path):
    path = tmp_path / 'mäsk.png'
    Image.fromarray(np.array([[0, 128, 129], [255, 1, 200]], np.uint8)).save(path)
    assert read_mask(path).tolist() == [[False, False, True], [True, False, True]]


def test_read_mask_refuses_missing_damaged_and_colored_files(tmp_path):
    path = tmp_path / 'mask.png'
    with pytest.raises(InputError, match=r'mask\.png.*No such file'):
        read_mask(path)
    path.write_bytes(b'not an image')
    with pytest.raises(InputError, match=r'mask\.png.*cannot be read'):
        read_mask(path)
    Image.new('RGB', (5, 4)).save(path)
    with pytest.raises(InputError, match=r'mask\.png.*one channel of 8 bits'):
        read_mask(path)


@pytest.mark.parametrize(
    'size', [(600, 800), (3000, 4000), (75, 100), (301, 399), (600, 100), (100, 900)]
)
def test_resize_mask_keeps_the_shape_in_place(size):
    resized = resize_mask(disc(300, 400), *size)
    assert resized.shape == size
    assert resized.dtype == bool
    assert overlap(disc(*size), resized) > 0.985
    rows, columns = np.nonzero(resized)
    assert (rows.mean() + 0.5) / size[0] == pytest.approx(0.45, abs=0.002)
    assert (columns.mean() + 0.5) / size[1] == pytest.approx(0.55, abs=0.002)


def test_resize_mask_enlarges_smoothly():
    small, size = disc(100, 100), (800, 800)
    blocks = np.kron(small, np.ones((8, 8), bool))
    assert overlap(disc(*size), resize_mask(small, *size)) > overlap(disc(*size), blocks) + 0.003


@pytest.mark.parametrize('size', [(7, 5), (16, 16), (24, 32), (33, 17)])
def test_resize_mask_keeps_full_full_and_empty_empty(size):
    assert resize_mask(np.ones((16, 16), bool), *size).all()
    assert not resize_mask(np.zeros((16, 16), bool), *size).any()


def test_resize_mask_counts_a_pixel_from_half_of_it():
    quarters = np.array([[1, 0, 1, 1, 1, 0, 0, 0], [0, 0, 1, 1, 0, 1, 0, 0]], bool)
    assert resize_mask(quarters, 1, 4).tolist() == [[False, True, True, False]]


def test_read_mask_refuses_a_file_that_claims_to_be_vast(tmp_path):
    Image.new('L', (4, 4)).save(tmp_path / 'vast.bmp')
    data = bytearray((tmp_path / 'vast.bmp').read_bytes())
    data[18:26] = (60_000).to_bytes(4, 'little') * 2
    (tmp_path / 'vast.bmp').write_bytes(data)
    with pytest.raises(InputError, match=r'vast\.bmp: the mask cannot be read'):
        read_mask(tmp_path / 'vast.bmp')
