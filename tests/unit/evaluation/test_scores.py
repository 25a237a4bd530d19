"""Scores equal those of the official scorer, and bootstrap intervals those of SciPy."""

from pathlib import Path

import numpy as np
import pytest
import scipy.stats
from isic_challenge_scoring.load_image import ImagePair
from isic_challenge_scoring.segmentation import SegmentationScore

from isic_mmdet.evaluation.scores import (
    bootstrap_interval,
    bootstrap_means,
    confusion,
    mask_scores,
    threshold_jaccard,
)
from isic_mmdet.evaluation.summary import summarize
from isic_mmdet.masks.bit_mask import BitMask
from isic_mmdet.masks.mask_files import binarize
from tests.support.official_scores import assert_equal_official

# A pandas deprecation inside the official scorer, which is pinned.
pytestmark = pytest.mark.filterwarnings('ignore:The inplace keyword')


def official(truths, predictions):
    """Score gray masks with isic-challenge-scoring, in memory."""
    pairs = []
    for number, (truth, prediction) in enumerate(zip(truths, predictions, strict=True)):
        pair = ImagePair(truth_file=Path(f'ISIC_{number:07d}_segmentation.png'))
        pair.parse_image_id()
        pair.truth_image, pair.prediction_image = truth, prediction
        pairs.append(pair)
    return SegmentationScore(pairs).macro_average


def ours(truth, prediction):
    """Score a pair of gray masks with this package."""
    pair = (BitMask.of(binarize(gray)) for gray in (truth, prediction))
    scores = mask_scores(confusion(*pair))
    return scores | {'iou_thr65': threshold_jaccard(scores['iou'])}


def assert_as_official(truth, prediction):
    assert_equal_official(ours(truth, prediction), official([truth], [prediction]), prefix='')


EMPTY, FULL = np.zeros((7, 9), np.uint8), np.full((7, 9), 255, np.uint8)
PART = EMPTY.copy()
PART[2:5, 3:8] = 255


@pytest.mark.parametrize('truth', [EMPTY, FULL, PART], ids=['empty', 'full', 'part'])
@pytest.mark.parametrize('prediction', [EMPTY, FULL, PART], ids=['empty', 'full', 'part'])
def test_scores_equal_the_official_ones_on_edge_cases(truth, prediction):
    assert_as_official(truth, prediction)
    assert_as_official(truth[:1, :1], prediction[:1, :1])  # one pixel


def test_gray_128_is_skin_and_129_is_lesion():
    truth = np.array([[0, 127, 128, 129, 255]], np.uint8)
    assert binarize(truth).tolist() == [[False, False, False, True, True]]
    assert_as_official(truth, np.array([[255, 129, 128, 128, 129]], np.uint8))


@pytest.mark.parametrize(('overlap', 'kept'), [(64, 0.0), (65, 0.65), (66, 0.66)])
def test_threshold_keeps_a_jaccard_index_of_exactly_065(overlap, kept):
    truth, prediction = np.full((1, 100), 255, np.uint8), np.zeros((1, 100), np.uint8)
    prediction[0, :overlap] = 255
    assert ours(truth, prediction)['iou_thr65'] == kept
    assert_as_official(truth, prediction)


@pytest.mark.parametrize('shape', [(1, 1), (3, 5), (8, 8), (31, 17), (64, 129)])
def test_scores_equal_the_official_ones_on_random_masks(shape):
    rng = np.random.default_rng(1)
    for _ in range(5):
        assert_as_official(*rng.integers(0, 256, (2, *shape), dtype=np.uint8))


def test_means_equal_the_official_ones_over_images_of_different_size():
    rng = np.random.default_rng(2)
    shapes = [(4, 5), (6, 6), (9, 2), (3, 3)]
    truths = [rng.integers(0, 256, shape, dtype=np.uint8) for shape in shapes]
    # Half of each prediction is right, so that some pass the threshold and some do not.
    predictions = [np.where(rng.random(t.shape) < 0.5, t, 255 - t) for t in truths[:2]]
    predictions += [truths[2], np.zeros_like(truths[3])]
    rows = [
        ours(t, p) | {'iou_max': 1.0, 'detections': int(p.any())}
        for t, p in zip(truths, predictions, strict=True)
    ]
    found, expected = summarize(rows, intervals=()), official(truths, predictions)
    assert_equal_official(found, expected)
    assert found['lesion/missed'] == 0.25
    assert found['lesion/iou_max'] == 1.0
    assert not any('_ci_' in name for name in found)


def test_masks_of_different_size_are_refused():
    with pytest.raises(ValueError, match=r'\(2, 8\).*\(4, 4\)'):
        confusion(BitMask.of(np.ones((2, 8), bool)), BitMask.of(np.ones((4, 4), bool)))


def test_bootstrap_interval_equals_scipys():
    values = np.random.default_rng(5).beta(8, 2, 325)
    expected = scipy.stats.bootstrap(
        (values,),
        np.mean,
        n_resamples=10_000,
        batch=500,
        method='percentile',
        rng=np.random.default_rng(0),
    ).confidence_interval
    assert bootstrap_interval(values) == pytest.approx(tuple(expected), abs=1e-12)


def test_columns_of_values_use_the_same_draws():
    values = np.random.default_rng(8).random((50, 3))
    means = bootstrap_means(values, resamples=999)
    assert means.shape == (999, 3)
    for column, expected in zip(values.T, means.T, strict=True):
        assert np.array_equal(bootstrap_means(column, resamples=999), expected)


@pytest.mark.parametrize('number', [50, 3000, 250_000])
def test_the_blocks_of_the_bootstrap_do_not_change_the_draws(number):
    values = np.random.default_rng(6).random(number)
    expected = values[np.random.default_rng(0).integers(0, number, (9, number))].mean(axis=1)
    assert np.array_equal(bootstrap_means(values, resamples=9), expected)
    assert not np.array_equal(bootstrap_means(values, resamples=9, seed=1), expected)


def test_equal_values_and_none():
    assert bootstrap_interval([0.5]) == (0.5, 0.5)
    assert bootstrap_interval([0.25] * 9) == (0.25, 0.25)
    with pytest.raises(ValueError, match='no values'):
        bootstrap_interval([])
    with pytest.raises(ValueError, match='no images'):
        summarize([])
