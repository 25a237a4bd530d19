import math

import numpy as np
import pytest
import scipy.stats

from isic_mmdet.evaluation.per_image import BOUNDARY_COLUMNS
from isic_mmdet.evaluation.summary import SCORES, summarize, values_of

NAMES = ('iou', 'iou_max', 'dice', 'pixel_accuracy', 'sensitivity', 'specificity')
# Metrics that follow from the IoU of an image.
DERIVED = {
    'iou_thr65': lambda iou: iou * (iou >= 0.65),
}


def make_rows(number, seed=0):
    values = np.random.default_rng(seed).random((number, len(NAMES)))
    return [
        dict(zip(NAMES, line, strict=True)) | {'image_id': f'ISIC_{i:07d}', 'detections': i % 4}
        for i, line in enumerate(values.tolist())
    ]


def test_only_the_wanted_intervals_are_computed():
    rows = make_rows(40)
    every, few = summarize(rows), summarize(rows, intervals=('iou',))
    assert few.items() <= every.items()
    assert [name for name in few if '_ci_' in name] == ['lesion/iou_ci_low', 'lesion/iou_ci_high']
    assert few['lesion/missed'] == 0.25


def test_every_metric_has_scipys_interval():
    rows = make_rows(30, seed=1)
    found = summarize(rows)
    assert len(found) == 3 * len(SCORES) + 1
    for name in SCORES:
        values = [DERIVED[name](row['iou']) if name in DERIVED else row[name] for row in rows]
        expected = scipy.stats.bootstrap(
            (values,),
            np.mean,
            n_resamples=10_000,
            batch=33_333,
            method='percentile',
            rng=np.random.default_rng(0),
        ).confidence_interval
        interval = found[f'lesion/{name}_ci_low'], found[f'lesion/{name}_ci_high']
        assert interval == pytest.approx(tuple(expected), abs=1e-12)


def test_distances_are_means_over_the_images_that_have_them():
    rows = make_rows(5)
    for row, distance in zip(rows, (4.0, None, 8.0, None, 0.0), strict=True):
        row |= dict.fromkeys(BOUNDARY_COLUMNS, distance)
    found = summarize(rows)
    for name in BOUNDARY_COLUMNS:
        assert found[f'boundary/{name}'] == 4
        assert 0 <= found[f'boundary/{name}_ci_low'] < 4 < found[f'boundary/{name}_ci_high'] <= 8
    assert found['boundary/images'] == 3


def test_undefined_values_are_nan():
    rows = [row | dict.fromkeys(BOUNDARY_COLUMNS) for row in make_rows(1)]
    found = summarize(rows)
    assert found['lesion/iou'] == rows[0]['iou']
    assert math.isnan(found['lesion/iou_ci_low'])
    assert math.isnan(found['lesion/iou_ci_high'])
    assert math.isnan(found['boundary/hausdorff95_px'])
    assert found['boundary/images'] == 0


def test_threshold_keeps_065():
    rows = [{'iou': 0.65}, {'iou': 0.6499}, {'iou': 1.0}]
    assert values_of(rows, 'iou_thr65').tolist() == [0.65, 0.0, 1.0]
