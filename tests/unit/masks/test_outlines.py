import cv2
import numpy as np
import pytest
from pycocotools import mask as coco_mask

from isic_mmdet.masks.outlines import polygons


def drawn(rings: list[np.ndarray], shape: tuple[int, int]) -> np.ndarray:
    """Draw polygons as pycocotools does."""
    codes = coco_mask.frPyObjects([ring.ravel().tolist() for ring in rings], *shape)
    return coco_mask.decode(coco_mask.merge(codes)) > 0


def iou(mask: np.ndarray, other: np.ndarray) -> float:
    return np.count_nonzero(mask & other) / np.count_nonzero(mask | other)


@pytest.mark.parametrize('seed', range(20))
def test_polygons_drawn_again_are_the_mask(seed):
    generator = np.random.default_rng(seed)
    height, width = generator.integers(20, 500, 2).tolist()
    noise = generator.random((6, 6), np.float32)
    mask = cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC) > 0.5
    assert iou(drawn(polygons(mask), mask.shape), mask) > 0.995


def test_a_smooth_outline_has_few_points():
    rows, columns = np.ogrid[:450, :600]
    mask = ((columns - 300) / 200) ** 2 + ((rows - 220) / 150) ** 2 < 1
    (ring,) = polygons(mask)
    assert 12 < len(ring) < 60
    assert iou(drawn([ring], mask.shape), mask) > 0.99


def test_holes_stay_holes_in_any_number():
    mask = np.ones((60, 90), bool)
    for top, left in ((5, 5), (5, 60), (30, 20), (31, 50), (40, 80)):
        mask[top : top + 8, left : left + 6] = False
    (ring,) = polygons(mask)
    assert iou(drawn([ring], mask.shape), mask) > 0.99


def test_an_island_in_a_hole_is_a_region_of_its_own():
    mask = np.ones((60, 60), bool)
    mask[10:50, 10:50] = False
    mask[20:40, 20:40] = True
    rings = polygons(mask)
    assert len(rings) == 2
    assert iou(drawn(rings, mask.shape), mask) > 0.99


def test_polygons_run_between_pixels():
    mask = np.zeros((5, 6), bool)
    mask[2, 3] = True
    (ring,) = polygons(mask)
    assert sorted(map(tuple, ring)) == [(3, 2), (3, 3), (4, 2), (4, 3)]
    (ring,) = polygons(np.ones((5, 6), bool))
    assert sorted(map(tuple, ring)) == [(0, 0), (0, 5), (6, 0), (6, 5)]


def test_an_empty_mask_has_no_polygon():
    assert polygons(np.zeros((5, 6), bool)) == []
