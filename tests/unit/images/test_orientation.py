import numpy as np
import pytest
from PIL import Image, ImageOps

from isic_mmdet.images.orientation import stored_box, stored_mask, upright
from isic_mmdet.masks.run_lengths import bounding_box


def by_pillow(stored: np.ndarray, orientation: int) -> np.ndarray:
    """Turn an array as Pillow turns an image with this tag."""
    image = Image.fromarray(stored)
    image.getexif()[0x0112] = orientation
    return np.asarray(ImageOps.exif_transpose(image))


@pytest.mark.parametrize('shape', [(5, 7), (5, 7, 3)])
@pytest.mark.parametrize('orientation', range(1, 9))
def test_the_way_back_undoes_what_pillow_does(orientation, shape):
    stored = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    np.testing.assert_array_equal(stored_mask(by_pillow(stored, orientation), orientation), stored)


@pytest.mark.parametrize('shape', [(5, 7), (5, 7, 3)])
@pytest.mark.parametrize('orientation', range(1, 9))
def test_pixels_are_turned_as_pillow_turns_them(orientation, shape):
    stored = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    np.testing.assert_array_equal(upright(stored, orientation), by_pillow(stored, orientation))


@pytest.mark.parametrize('orientation', range(1, 9))
def test_a_box_goes_the_same_way(orientation):
    stored = np.zeros((50, 70), np.uint8)
    stored[8:20, 30:65] = 1
    turned = by_pillow(stored, orientation)
    box = stored_box(tuple(bounding_box(turned > 0)), turned.shape, orientation)
    assert box == (30, 8, 35, 12)
