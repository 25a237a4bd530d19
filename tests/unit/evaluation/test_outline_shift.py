"""The best uniform shift of an outline, against masks that are moved one by one in SciPy."""

import math

import numpy as np
import pytest
from scipy.ndimage import distance_transform_edt

from isic_mmdet.evaluation import scores as core
from isic_mmdet.evaluation.outline_shift import outline_shift


def disc(shape, center, radius):
    y, x = np.ogrid[: shape[0], : shape[1]]
    return (y - center[0]) ** 2 + (x - center[1]) ** 2 <= radius**2


def moved(mask, shift):
    """Return a mask moved outwards, or inwards where negative, pixel by pixel."""
    if shift > 0:
        return distance_transform_edt(~mask) <= shift + 0.5
    return distance_transform_edt(mask) >= 0.5 - shift


def iou(truth, mask):
    return (truth & mask).sum() / (truth | mask).sum()


def cases():
    rng = np.random.default_rng(0)
    shape = (57, 70)
    ring = disc(shape, (20, 30), 15) & ~disc(shape, (20, 30), 6)
    blob = disc(shape, (30, 30), 12) | disc(shape, (34, 44), 8)
    pixel = np.zeros(shape, bool)
    pixel[50, 60] = True
    rectangle = np.zeros(shape, bool)
    rectangle[15:24, 8:38] = True
    return {
        'too narrow': (disc(shape, (28, 35), 20), disc(shape, (28, 34), 14)),
        'too wide': (disc(shape, (28, 35), 11), disc(shape, (28, 36), 19)),
        'inside the truth': (disc(shape, (28, 35), 20), pixel | disc(shape, (28, 35), 3)),
        'around the truth': (disc(shape, (28, 35), 4), disc(shape, (28, 35), 15)),
        'at the edge': (disc(shape, (0, 3), 20), disc(shape, (2, 0), 12)),
        'ring': (ring, disc(shape, (21, 30), 15)),
        'two parts': (blob, disc(shape, (31, 35), 9)),
        'far apart': (disc(shape, (5, 5), 4), pixel),
        'rectangle': (disc(shape, (20, 20), 9), rectangle),
        'noise': (rng.random(shape) < 0.4, rng.random(shape) < 0.1),
    }


@pytest.mark.parametrize('name', cases())
def test_no_other_shift_is_better(name):
    truth, prediction = cases()[name]
    found = outline_shift(truth, prediction)
    tried = np.arange(-30, 90, 0.125)
    scores = [iou(truth, moved(prediction, shift)) for shift in tried]
    # What differs is rounding to quarters of a pixel.
    assert found.iou == pytest.approx(max(scores), abs=0.01)
    assert iou(truth, moved(prediction, found.pixels)) == pytest.approx(found.iou, abs=0.01)
    assert found.iou >= core.jaccard(core.confusion(core.pack(truth), core.pack(prediction)))


@pytest.mark.parametrize(('radius', 'shift'), [(24, 4), (20, 0), (15, -5)])
def test_discs_differ_by_their_radii(radius, shift):
    truth, prediction = (disc((80, 90), (40, 45), r) for r in (radius, 20))
    found = outline_shift(truth, prediction)
    assert found.pixels == pytest.approx(shift, abs=0.5)
    assert found.iou > 0.97


def test_equal_masks_stay_where_they_are():
    mask = disc((40, 50), (18, 20), 12)
    assert outline_shift(mask, mask) == (0, 1)


def test_the_shape_of_the_image_around_it_changes_nothing():
    truth, prediction = cases()['two parts']
    wide = (np.pad(mask, ((40, 3), (11, 60))) for mask in (truth, prediction))
    assert outline_shift(*wide) == outline_shift(truth, prediction)


def test_the_whole_image_has_no_outline():
    truth = disc((30, 30), (15, 15), 9)
    assert outline_shift(truth, np.ones((30, 30), bool)) == (0, pytest.approx(truth.mean()))
    assert outline_shift(np.ones((30, 30), bool), truth).iou == pytest.approx(1)


def test_empty_masks_have_none():
    mask, empty = disc((30, 30), (15, 15), 9), np.zeros((30, 30), bool)
    for pair in ((mask, empty), (empty, mask), (empty, empty)):
        assert all(math.isnan(value) for value in outline_shift(*pair))


def test_sizes_have_to_be_equal():
    with pytest.raises(ValueError, match=r'truth is \(3, 4\), prediction is \(4, 3\)'):
        outline_shift(np.ones((3, 4), bool), np.ones((4, 3), bool))
