import numpy as np
import pytest
import scipy.stats

from isic_mmdet.errors import InputError
from isic_mmdet.evaluation.comparison import compare
from isic_mmdet.evaluation.per_image import BOUNDARY_COLUMNS

NAMES = ('iou', 'iou_max', 'dice', 'pixel_accuracy', 'sensitivity', 'specificity')


def make_rows(values, size=100):
    return [
        dict.fromkeys(NAMES, value)
        | {'image_id': f'ISIC_{number:07d}', 'height': size, 'width': size}
        for number, value in enumerate(values)
    ]


def two_sets(number=60):
    rng = np.random.default_rng(0)
    a = rng.beta(8, 2, number)
    return a, np.clip(a + rng.normal(-0.01, 0.06, number), 0, 1)


def test_interval_equals_scipys_paired_bootstrap():
    a, b = two_sets()
    found = compare(make_rows(a.tolist()), make_rows(b.tolist()))
    thr65 = [np.where(values >= 0.65, values, 0) for values in (a, b)]
    for name, (first, second) in {'iou': (a, b), 'iou_thr65': thr65}.items():
        result = scipy.stats.bootstrap(
            (first, second),
            lambda x, y, axis: x.mean(axis=axis) - y.mean(axis=axis),
            paired=True,
            n_resamples=10_000,
            method='percentile',
            rng=np.random.default_rng(5),
        )
        row = found[f'lesion/{name}']
        assert row['value'] == pytest.approx(first.mean())
        assert row['baseline'] == pytest.approx(second.mean())
        assert row['difference'] == pytest.approx((first - second).mean())
        # Other draws of the same distribution: a few per cent of the interval's width.
        width = result.confidence_interval.high - result.confidence_interval.low
        assert row['ci_low'] == pytest.approx(result.confidence_interval.low, abs=0.05 * width)
        assert row['ci_high'] == pytest.approx(result.confidence_interval.high, abs=0.05 * width)
        wins = np.mean(result.bootstrap_distribution > 0)
        assert row['better_share'] == pytest.approx(wins, abs=0.02)
        assert row['images'] == 60
    assert 0.5 < found['lesion/iou']['better_share'] < 1
    assert found['lesion/iou']['ci_low'] > 0 and found['lesion/iou']['better'] == 'predictions'


def test_swapping_the_sets_swaps_the_result_and_order_does_not_matter():
    a, b = (make_rows(values.tolist()) for values in two_sets())
    assert compare(a, b[::-1]) == compare(a, b)
    there, back = compare(a, b)['lesion/dice'], compare(b, a)['lesion/dice']
    assert there['difference'] == -back['difference']
    assert there['ci_low'] == pytest.approx(-back['ci_high'])
    assert there['better_share'] == pytest.approx(1 - back['better_share'])


def test_the_better_one_is_named_if_the_interval_excludes_0():
    worse, better = (make_rows((np.arange(30) / 50 + shift).tolist()) for shift in (0, 0.2))
    assert compare(better, worse)['lesion/iou']['better'] == 'predictions'
    assert compare(worse, better)['lesion/iou']['better'] == 'baseline'
    # One image that differs is absent from a third of the draws: (29 / 30) ** 30.
    worse[3]['dice'] += 0.1
    assert compare(worse, worse)['lesion/dice']['better'] is None
    one = [dict(row) for row in worse]
    one[3]['dice'] -= 0.05
    row = compare(worse, one)['lesion/dice']
    assert (row['ci_low'], row['better']) == (0, None)
    assert row['better_share'] == pytest.approx(1 - 0.5 * (29 / 30) ** 30, abs=0.02)


def test_pairing_finds_what_two_intervals_do_not():
    a = np.random.default_rng(1).random(50)
    row = compare(make_rows((a * 0.9 + 0.02).tolist()), make_rows((a * 0.9).tolist()))['lesion/iou']
    assert (row['ci_low'], row['ci_high']) == pytest.approx((0.02, 0.02))
    assert row['better_share'] == 1


def test_equal_sets_are_equally_good():
    rows = make_rows([0.1, 0.5, 0.9])
    row = compare(rows, rows)['lesion/iou']
    assert (row['difference'], row['ci_low'], row['ci_high']) == (0, 0, 0)
    assert row['better_share'] == 0.5


def test_the_lower_distance_is_better_where_both_have_one():
    a, b = make_rows([0.5] * 4), make_rows([0.5] * 4)
    for first, second, distances in zip(
        a, b, ((1, 2), (3, 3.5), (None, 9), (5, None)), strict=True
    ):
        first |= dict.fromkeys(BOUNDARY_COLUMNS, distances[0])
        second |= dict.fromkeys(BOUNDARY_COLUMNS, distances[1])
    row = compare(a, b)['boundary/hausdorff95_px']
    assert (row['images'], row['value'], row['baseline'], row['difference']) == (2, 2, 2.75, -0.75)
    assert (row['better_share'], row['better']) == (1, 'predictions')
    assert compare(b, a)['boundary/hausdorff95_px']['better'] == 'baseline'
    assert compare(a[2:], b[2:])['boundary/surface_distance_px'] == {'images': 0}
    # A shift has no better direction.
    assert 'boundary/outline_shift_px' not in compare(a, b)
    # Without distances on one side there is nothing to compare.
    assert 'boundary/hausdorff95_px' not in compare(a, make_rows([0.5] * 4))


def test_other_images_or_sizes_are_an_error():
    a, b = make_rows([0.1, 0.2, 0.3]), make_rows([0.1, 0.2, 0.3], size=50)
    b[0]['height'] = b[0]['width'] = 100
    b[1]['image_id'] = 'ISIC_0000009'
    with pytest.raises(InputError) as error:
        compare(a, b)
    assert error.value.errors == [
        'ISIC_0000001: only in the predictions',
        'ISIC_0000009: only in the baseline',
        'ISIC_0000002: scored at 100 x 100 and at 50 x 50 pixels',
    ]
