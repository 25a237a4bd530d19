import numpy as np
import pytest

from isic_mmdet.masks.binary_png import decode_binary_png
from isic_mmdet.masks.bit_mask import BitMask
from tests.support.official_files import png

WIDTHS = (1, 7, 63, 64, 65, 127, 128, 130)


@pytest.fixture(params=[0.0, 0.02, 0.5, 0.98, 1.0])
def masks(request: pytest.FixtureRequest) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.random((rng.integers(1, 20), width)) < request.param for width in WIDTHS]


def test_what_is_packed_is_unpacked(masks) -> None:
    for mask in masks:
        packed = BitMask.of(mask)
        assert packed.shape == mask.shape
        assert packed.size == mask.size
        assert np.array_equal(packed.unpacked(), mask)
        assert packed.area() == mask.sum()


def test_a_file_gives_the_same_bits_as_its_pixels(masks) -> None:
    for mask in masks:
        decoded = decode_binary_png(png(mask * np.uint8(255)))
        assert decoded.width == mask.shape[1]
        assert np.array_equal(decoded.bits, BitMask.of(mask).bits)  # behind the last pixel, too


def test_edges_draw_the_mask_again(masks) -> None:
    for mask in masks:
        rows, columns, signs = BitMask.of(mask).edges()
        drawn = np.zeros((mask.shape[0], mask.shape[1] + 1), int)
        drawn[rows, columns] = signs
        assert np.count_nonzero(drawn) == len(signs)  # no two in one place
        drawn = drawn.cumsum(axis=1)
        assert np.array_equal(drawn[:, :-1], mask)
        assert not drawn[:, -1].any()  # all lesion ends


@pytest.mark.parametrize('width', WIDTHS)
def test_touching_the_border(width: int) -> None:
    for row in range(4):
        for column in range(width):
            mask = np.zeros((4, width), bool)
            mask[row, column] = True
            at_border = row in (0, 3) or column in (0, width - 1)
            assert BitMask.of(mask).touches_border() == at_border
    corners = np.zeros((4, width), bool)
    corners[[0, 0, -1, -1], [0, -1, 0, -1]] = True
    assert BitMask.of(corners).has_corners()
    corners[-1, -1] = False
    assert not BitMask.of(corners).has_corners()


@pytest.mark.parametrize('wrong', [np.zeros((2, 2), np.uint8), np.zeros((0, 2), bool)])
def test_other_arrays_are_refused(wrong) -> None:
    with pytest.raises(ValueError, match='bool mask'):
        BitMask.of(wrong)
