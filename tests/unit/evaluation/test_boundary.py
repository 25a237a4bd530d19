import math

import cv2
import numpy as np
import pytest
import scipy.ndimage

from isic_mmdet.evaluation.boundary import boundary_distances


def by_hand(truth, prediction):
    """All pairs of border pixels, in plain NumPy and Python."""

    def border(mask):
        padded = np.pad(mask, 1)
        return np.array(
            [
                (y, x)
                for y, x in np.argwhere(mask)
                if not (
                    padded[y, x + 1]
                    and padded[y + 2, x + 1]
                    and padded[y + 1, x]
                    and padded[y + 1, x + 2]
                )
            ]
        )

    a, b = border(truth), border(prediction)
    distances = np.sqrt(((a[:, None] - b[None]) ** 2).sum(axis=2))
    from_a, from_b = distances.min(axis=1), distances.min(axis=0)
    mean = (from_a.sum() + from_b.sum()) / (len(a) + len(b))
    return max(np.percentile(from_a, 95), np.percentile(from_b, 95)), mean


def disc(shape, center, radius):
    y, x = np.ogrid[: shape[0], : shape[1]]
    return (y - center[0]) ** 2 + (x - center[1]) ** 2 <= radius**2


def cases():
    rng = np.random.default_rng(0)
    shape = (47, 60)
    ring = disc(shape, (20, 30), 15) & ~disc(shape, (20, 30), 6)
    pixel = np.zeros(shape, bool)
    pixel[46, 59] = True
    return {
        'moved': (disc(shape, (20, 25), 11), disc(shape, (24, 31), 11)),
        'cut off by the edge': (disc(shape, (2, 3), 14), disc(shape, (6, 3), 12)),
        'hole': (ring, disc(shape, (21, 30), 15)),
        'far apart': (disc(shape, (5, 5), 3), pixel),
        'whole image': (np.ones(shape, bool), disc(shape, (20, 25), 9)),
        'noise': (rng.random(shape) < 0.4, rng.random(shape) < 0.6),
        'one pixel': (np.ones((1, 1), bool), np.ones((1, 1), bool)),
        'one row': (np.array([[1, 1, 0, 0, 1]], bool), np.array([[0, 0, 0, 1, 0]], bool)),
    }


CASES = cases()


@pytest.mark.parametrize(('truth', 'prediction'), CASES.values(), ids=CASES.keys())
def test_distances_equal_those_of_all_pairs(truth, prediction):
    expected = by_hand(truth, prediction)
    assert boundary_distances(truth, prediction) == pytest.approx(expected, rel=1e-6)
    # The distances have no direction.
    assert boundary_distances(prediction, truth) == pytest.approx(expected, rel=1e-6)


def test_a_known_case():
    truth, prediction = np.zeros((20, 50), bool), np.zeros((20, 50), bool)
    truth[8:12, 10:14] = True
    prediction[8:12, 17:21] = True
    found = boundary_distances(truth, prediction)
    # The far column of each square is 7 from the other's near one: 4, 5, 6 and 7 columns away.
    assert found.hausdorff95 == pytest.approx(7)
    assert found.mean == pytest.approx((4 * 7 + 2 * 6 + 2 * 5 + 4 * 4) / 12)


def test_equal_masks_are_at_distance_zero():
    mask = disc((30, 30), (12, 15), 8)
    assert boundary_distances(mask, mask) == (0, 0)


def test_an_empty_mask_has_no_distance():
    empty, mask = np.zeros((9, 9), bool), disc((9, 9), (4, 4), 2)
    for pair in ((empty, mask), (mask, empty), (empty, empty)):
        assert all(math.isnan(value) for value in boundary_distances(*pair))


def test_masks_of_different_size_are_refused():
    with pytest.raises(ValueError, match=r'\(4, 5\).*\(5, 4\)'):
        boundary_distances(np.ones((4, 5), bool), np.ones((5, 4), bool))


def test_single_precision_does_not_show_at_the_size_of_the_largest_images():
    truth, prediction = np.zeros((4499, 6748), bool), np.zeros((4499, 6748), bool)
    truth[0, :3] = truth[4498, 6747] = True
    prediction[4498, 6740:] = True
    found = boundary_distances(truth, prediction)
    from_truth = [math.hypot(4498, 6740 - x) for x in (0, 1, 2)] + [0]
    from_prediction = [7 - x for x in range(8)]
    everything = from_truth + from_prediction
    assert found.hausdorff95 == pytest.approx(np.percentile(from_truth, 95), rel=1e-6)
    assert found.mean == pytest.approx(np.mean(everything), rel=1e-6)


@pytest.mark.shared_data
def test_distances_equal_scipys_on_real_masks(shared):
    def border(mask):
        return mask & ~scipy.ndimage.binary_erosion(mask)

    files = sorted((shared / 'isic2018/ISIC2018_Task1_Training_GroundTruth').glob('*.png'))[::380]
    for file in files:
        truth = cv2.imread(str(file), cv2.IMREAD_UNCHANGED) > 128
        prediction = np.roll(scipy.ndimage.binary_dilation(truth, iterations=7), 9, axis=1)
        a, b = border(truth), border(prediction)
        from_a = scipy.ndimage.distance_transform_edt(~b)[a]
        from_b = scipy.ndimage.distance_transform_edt(~a)[b]
        found = boundary_distances(truth, prediction)
        expected = max(np.percentile(from_a, 95), np.percentile(from_b, 95))
        assert found.hausdorff95 == pytest.approx(expected, rel=1e-6), file.name
        assert found.mean == pytest.approx(np.concatenate([from_a, from_b]).mean(), rel=1e-6)
