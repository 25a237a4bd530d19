import math

import numpy as np
import pytest
import scipy.stats

from isic_mmdet.evaluation.calibration import (
    binned,
    calibration,
    failures_in_lowest_tenth,
    rank_correlation,
)


@pytest.mark.parametrize('levels', [3, 20, 10_000])
def test_rank_correlation_equals_scipys(levels):
    rng = np.random.default_rng(levels)
    x = rng.integers(0, levels, 200) / levels
    y = np.round(x + rng.normal(0, 0.3, 200), 1)
    assert rank_correlation(x, y) == pytest.approx(scipy.stats.spearmanr(x, y).statistic, abs=1e-12)


def test_rank_correlation_of_what_rises_and_falls_together():
    assert rank_correlation([1, 2, 5], [0.1, 0.7, 0.8]) == pytest.approx(1)
    assert rank_correlation([1, 2, 5], [0.8, 0.7, 0.1]) == pytest.approx(-1)


@pytest.mark.parametrize(('x', 'y'), [([], []), ([1], [2]), ([3, 3], [1, 2]), ([1, 2], [3, 3])])
def test_no_rank_correlation_without_differing_ranks(x, y):
    assert math.isnan(rank_correlation(x, y))


def test_bins_hold_as_many_images_each_and_their_means():
    rng = np.random.default_rng(0)
    score = 1 - rng.random(100) ** 4
    iou = rng.random(100)
    bins = binned(score, iou, bins=5)
    assert [row['images'] for row in bins] == [20] * 5
    order = np.argsort(score)
    for index, row in enumerate(bins):
        chosen = order[20 * index : 20 * index + 20]
        assert row['low'] == score[chosen[0]]
        assert row['high'] == score[chosen[-1]]
        assert row['mean'] == pytest.approx(score[chosen].mean())
        assert row['mean_iou'] == pytest.approx(iou[chosen].mean())


def test_equal_scores_share_a_bin():
    bins = binned([0.9] * 7 + [0.2, 1.0, 1.0], np.arange(10) / 10, bins=4)
    assert [(row['low'], row['high'], row['images']) for row in bins] == [
        (0.2, 0.9, 8),
        (1.0, 1.0, 2),
    ]
    assert len(binned([0.5, 0.7], [1, 1], bins=10)) == 2
    assert len(binned([0.5, 0.5], [1, 1])) == 1


def test_the_error_is_how_far_scores_are_off_within_the_bins():
    rows = [
        {'score': score, 'iou': iou}
        for score, iou in ((0.5, 0.1), (0.5, 0.5), (0.5, 0.6), (0.9, 0.7), (0.9, 0.9), (0.9, 1.0))
    ]
    # Three images that score 0.1 too high on average, and three where it is 1 / 30.
    found = calibration(rows)['score']['error']
    assert found == pytest.approx((3 * 0.1 + 3 * (0.9 - 2.6 / 3)) / 6)
    for row in rows:
        row['iou'] = row['score']
    assert calibration(rows)['score']['error'] == 0


def test_images_without_a_score_are_skipped():
    rows = [{'score': s, 'iou': i} for s, i in ((0.5, 0.2), (None, 0.0), (0.9, 0.8), (0.7, 0.5))]
    found = calibration(rows, bins=3)['score']
    assert found['images'] == 3
    assert found['rank_correlation'] == pytest.approx(1)
    assert [row['mean_iou'] for row in found['bins']] == [0.2, 0.5, 0.8]
    assert calibration(rows[1:2]) == {}, 'no image is rated'


def test_failures_are_counted_where_the_rating_is_lowest():
    rng = np.random.default_rng(0)
    iou = rng.random(200)
    score, expected = iou + rng.normal(0, 0.2, 200), iou + rng.normal(0, 0.1, 200)
    rows = [
        {'iou': i, 'score': s, 'expected_iou': e, 'check': bool(e < 0.3)}
        for i, s, e in zip(iou, score, expected, strict=True)
    ]
    found = calibration(rows)
    assert (found['images'], found['failures']) == (200, (iou < 0.65).sum())
    for name, rating in (('score', score), ('expected_iou', expected)):
        limit = np.sort(rating)[20]
        assert found[name]['failures_in_lowest_tenth'] == (iou[rating < limit] < 0.65).mean()
        assert found[name]['rank_correlation'] == pytest.approx(
            scipy.stats.spearmanr(rating, iou).statistic
        )
    flagged = expected < 0.3
    assert found['check'] == {'images': flagged.sum(), 'failures': (iou[flagged] < 0.65).sum()}
    assert 'check' not in calibration([{'iou': 0.5, 'score': 0.5, 'check': None}])


def test_images_without_a_rating_come_first():
    rows = [{'iou': n / 20, 'score': 1 - n / 20} for n in range(20)]
    rows[3]['score'] = None
    # The two lowest are this failure and the image with the highest IoU.
    assert failures_in_lowest_tenth(rows, 'score') == 0.5
