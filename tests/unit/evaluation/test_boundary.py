"""Distances of borders against all pairs of pixels, shifts against masks moved one by one."""

import math

import cv2
import numpy as np
import pytest
import scipy.ndimage
from scipy.ndimage import distance_transform_edt

from isic_mmdet.evaluation.boundary import boundary_distances, outline_shift


def disc(shape, center, radius):
    y, x = np.ogrid[: shape[0], : shape[1]]
    return (y - center[0]) ** 2 + (x - center[1]) ** 2 <= radius**2


def by_hand(truth, prediction):
    """All pairs of border pixels, in plain NumPy and Python."""

    def border(mask):
        p = np.pad(mask, 1)
        inner = p[1:-1, :-2] & p[1:-1, 2:] & p[:-2, 1:-1] & p[2:, 1:-1]
        return np.argwhere(mask & ~inner)

    a, b = border(truth), border(prediction)
    distances = np.sqrt(((a[:, None] - b[None]) ** 2).sum(axis=2))
    from_a, from_b = distances.min(axis=1), distances.min(axis=0)
    mean = (from_a.sum() + from_b.sum()) / (len(a) + len(b))
    return max(np.percentile(from_a, 95), np.percentile(from_b, 95)), mean


SHAPE = (47, 60)
NOISE = np.random.default_rng(0).random((2, *SHAPE))
PIXEL = np.zeros(SHAPE, bool)
PIXEL[46, 59] = True
RING = disc(SHAPE, (20, 30), 15) & ~disc(SHAPE, (20, 30), 6)
BLOB = disc(SHAPE, (25, 22), 12) | disc(SHAPE, (28, 36), 8)
RECTANGLE = np.zeros(SHAPE, bool)
RECTANGLE[15:24, 8:38] = True
CASES = {
    'moved': (disc(SHAPE, (20, 25), 11), disc(SHAPE, (24, 31), 11)),
    'cut off by the edge': (disc(SHAPE, (2, 3), 14), disc(SHAPE, (6, 3), 12)),
    'hole': (RING, disc(SHAPE, (21, 30), 15)),
    'far apart': (disc(SHAPE, (5, 5), 3), PIXEL),
    'noise': (NOISE[0] < 0.4, NOISE[1] < 0.1),
    'too narrow': (disc(SHAPE, (23, 30), 18), disc(SHAPE, (23, 29), 12)),
    'too wide': (disc(SHAPE, (23, 30), 10), disc(SHAPE, (23, 31), 17)),
    'inside the truth': (disc(SHAPE, (23, 30), 18), PIXEL | disc(SHAPE, (23, 30), 3)),
    'around the truth': (disc(SHAPE, (23, 30), 4), disc(SHAPE, (23, 30), 15)),
    'two parts': (BLOB, disc(SHAPE, (26, 30), 9)),
    'rectangle': (disc(SHAPE, (20, 20), 9), RECTANGLE),
}
SMALL = {
    'full image': (np.ones(SHAPE, bool), disc(SHAPE, (20, 25), 9)),
    'one pixel': (np.ones((1, 1), bool), np.ones((1, 1), bool)),
    'one row': (np.array([[1, 1, 0, 0, 1]], bool), np.array([[0, 0, 0, 1, 0]], bool)),
}
EMPTY = np.zeros(SHAPE, bool)


@pytest.mark.parametrize('name', [*CASES, *SMALL])
def test_distances_equal_those_of_all_pairs(name):
    truth, prediction = (CASES | SMALL)[name]
    expected = by_hand(truth, prediction)
    assert boundary_distances(truth, prediction) == pytest.approx(expected, rel=1e-6)
    assert boundary_distances(prediction, truth) == pytest.approx(expected, rel=1e-6)


def test_distances_are_exact_at_the_size_of_the_largest_images():
    truth, prediction = np.zeros((4499, 6748), bool), np.zeros((4499, 6748), bool)
    truth[0, :3] = truth[4498, 6747] = True
    prediction[4498, 6740:] = True
    found = boundary_distances(truth, prediction)
    from_truth = [math.hypot(4498, 6740 - x) for x in (0, 1, 2)] + [0]
    from_prediction = [7 - x for x in range(8)]
    assert found.hausdorff95 == pytest.approx(np.percentile(from_truth, 95), rel=1e-6)
    assert found.mean == pytest.approx(np.mean(from_truth + from_prediction), rel=1e-6)


@pytest.mark.shared_data
def test_distances_equal_scipys_on_real_masks(shared):
    def border(mask):
        return mask & ~scipy.ndimage.binary_erosion(mask)

    files = sorted((shared / 'isic2018/ISIC2018_Task1_Training_GroundTruth').glob('*.png'))[::380]
    for file in files:
        truth = cv2.imread(str(file), cv2.IMREAD_UNCHANGED) > 128
        prediction = np.roll(scipy.ndimage.binary_dilation(truth, iterations=7), 9, axis=1)
        a, b = border(truth), border(prediction)
        from_a, from_b = distance_transform_edt(~b)[a], distance_transform_edt(~a)[b]
        found = boundary_distances(truth, prediction)
        expected = max(np.percentile(from_a, 95), np.percentile(from_b, 95))
        assert found.hausdorff95 == pytest.approx(expected, rel=1e-6), file.name
        assert found.mean == pytest.approx(np.concatenate([from_a, from_b]).mean(), rel=1e-6)


def moved(mask, shift):
    """Return a mask whose outline is moved outward, or inward if the shift is negative."""
    if shift > 0:
        return distance_transform_edt(~mask) <= shift + 0.5
    return distance_transform_edt(mask) >= 0.5 - shift


def iou(truth, mask):
    return (truth & mask).sum() / (truth | mask).sum()


@pytest.mark.parametrize('name', CASES)
def test_no_other_shift_is_better(name):
    truth, prediction = CASES[name]
    found = outline_shift(truth, prediction)
    scores = [iou(truth, moved(prediction, shift)) for shift in np.arange(-30, 80, 0.125)]
    # The tolerance is the rounding to quarters of a pixel.
    assert found.iou == pytest.approx(max(scores), abs=0.01)
    assert iou(truth, moved(prediction, found.pixels)) == pytest.approx(found.iou, abs=0.01)
    assert found.iou >= iou(truth, prediction)


@pytest.mark.parametrize(('radius', 'shift'), [(24, 4), (20, 0), (15, -5)])
def test_discs_differ_by_their_radii(radius, shift):
    truth, prediction = (disc((80, 90), (40, 45), r) for r in (radius, 20))
    found = outline_shift(truth, prediction)
    assert found.pixels == pytest.approx(shift, abs=0.5)
    assert found.iou > 0.97


def test_equal_masks_have_distance_and_shift_zero():
    mask = disc(SHAPE, (18, 20), 12)
    assert boundary_distances(mask, mask) == (0, 0)
    assert outline_shift(mask, mask) == (0, 1)


def test_a_wider_image_does_not_change_the_shift():
    truth, prediction = CASES['two parts']
    wide = (np.pad(mask, ((40, 3), (11, 60))) for mask in (truth, prediction))
    assert outline_shift(*wide) == outline_shift(truth, prediction)


def test_the_full_image_has_no_outline():
    truth, full = disc(SHAPE, (15, 15), 9), np.ones(SHAPE, bool)
    assert outline_shift(truth, full) == (0, pytest.approx(truth.mean()))
    assert outline_shift(full, truth).iou == pytest.approx(1)


@pytest.mark.parametrize('function', [boundary_distances, outline_shift])
def test_empty_masks_and_different_sizes(function):
    for pair in ((EMPTY, PIXEL), (PIXEL, EMPTY), (EMPTY, EMPTY)):
        assert all(math.isnan(value) for value in function(*pair))
    with pytest.raises(ValueError, match=r'\(4, 5\).*\(5, 4\)'):
        function(np.ones((4, 5), bool), np.ones((5, 4), bool))
