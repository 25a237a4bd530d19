import itertools

import numpy as np
import pytest

from isic_mmdet.images.planar import to_planar


@pytest.mark.parametrize('dtype', [np.uint8, np.float32])
@pytest.mark.parametrize('order', list(itertools.permutations(range(3))))
def test_planes_in_any_order(order, dtype):
    image = np.random.default_rng(0).integers(0, 256, (5, 7, 3)).astype(dtype)
    planes = to_planar(image, order)
    assert planes.dtype == dtype
    assert np.array_equal(planes, image[..., list(order)])
    assert planes.transpose(2, 0, 1).flags.c_contiguous
