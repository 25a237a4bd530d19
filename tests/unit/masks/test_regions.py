import numpy as np
from scipy import ndimage

from isic_mmdet.masks.regions import largest_region, without_holes


def test_the_largest_region_is_that_of_scipy():
    mask = np.random.default_rng(0).random((40, 50)) > 0.45
    labels, number = ndimage.label(mask)
    sizes = ndimage.sum_labels(mask, labels, range(1, number + 1))
    np.testing.assert_array_equal(largest_region(mask), labels == 1 + sizes.argmax())


def test_a_region_keeps_its_holes_until_they_are_filled():
    mask = np.zeros((20, 20), bool)
    mask[2:15, 2:15] = True
    mask[5:8, 5:8] = False
    mask[17, 17] = True
    kept = largest_region(mask)
    assert not kept[6, 6] and not kept[17, 17] and kept[3, 3]
    np.testing.assert_array_equal(without_holes(kept), ndimage.binary_fill_holes(kept))


def test_empty_and_full_masks_stay():
    for mask in (np.zeros((4, 5), bool), np.ones((4, 5), bool)):
        np.testing.assert_array_equal(largest_region(mask), mask)
        np.testing.assert_array_equal(without_holes(mask), mask)
