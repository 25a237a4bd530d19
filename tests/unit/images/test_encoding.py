import io

import numpy as np
import pytest
from PIL import Image, ImageOps

from isic_mmdet.images.encoding import encode_png, encode_rgb_png
from isic_mmdet.images.orientation import stored_mask


@pytest.mark.parametrize('orientation', range(1, 9))
def test_a_viewer_shows_a_crop_upright(orientation):
    upright = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)
    stored = stored_mask(upright, orientation)
    image = Image.open(io.BytesIO(encode_rgb_png(stored, orientation)))
    np.testing.assert_array_equal(np.asarray(image), stored)
    np.testing.assert_array_equal(np.asarray(ImageOps.exif_transpose(image)), upright)


@pytest.mark.parametrize('dtype', [np.uint8, np.uint16])
def test_maps_keep_all_their_bits(dtype):
    values = np.random.default_rng(0).integers(0, np.iinfo(dtype).max, (5, 7), dtype, True)
    np.testing.assert_array_equal(Image.open(io.BytesIO(encode_png(values))), values)
