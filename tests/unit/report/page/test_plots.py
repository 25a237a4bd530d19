"""The plots of the report: captions and the numbers next to them."""

import re

import numpy as np
import pytest

from isic_mmdet.report.page.plots import iou_plots, training_plots
from isic_mmdet.report.run_files import TrainingLog


def plots(*values):
    """Return the plots of images with these pairs of IoU and score."""
    rows = [
        {
            **{'image_id': f'<{n}>', 'iou': iou, 'iou_max': iou, 'score': score},
            'detections': int(score is not None),
        }
        for n, (iou, score) in enumerate(values)
    ]
    return iou_plots(rows)


def test_tables_have_the_quartiles_and_the_bars():
    ious = (0.0, 0.649999, 0.65, 0.65, 0.97, 1.0)
    box, histogram, _ = plots(*((iou, 0.9) for iou in ious))
    row = dict(zip(box.head, box.rows[0], strict=True))
    assert (row['median'], row['max']) == (0.65, 1.0)
    assert '2 of 6 images (33.3 %)' in histogram.caption
    counts = dict(histogram.rows)
    assert (counts['0.60 to 0.65'], counts['0.65 to 0.70'], counts['0.95 to 1.00']) == (1, 2, 2)


def test_score_plot_has_a_named_point_for_every_detection():
    *_, plot = plots((0.5, 0.7), (0.9, 0.99), (0.7, 0.8), (0.0, None))
    titles = re.findall('<use[^>]*><title>([^<]*)</title></use>', plot.svg)
    assert len(titles) == 3 and titles[1] == '&lt;1&gt;: score 0.990, IoU 0.900'
    assert 'Spearman): 1.00' in plot.caption
    assert 'lowest score, 100 % have an IoU below 0.65' in plot.caption
    *_, alone = plots((0.0, 0.5))
    assert '1 images with a known score' in alone.caption and 'Spearman' not in alone.caption
    assert len(plots((0.0, None))) == 2, 'nothing is known'


def test_the_expected_iou_has_a_plot_where_it_is_known():
    rows = [
        {**dict.fromkeys(('iou', 'iou_max', 'score', 'expected_iou'), n / 20), 'detections': 1}
        | {'image_id': f'ISIC_{n:07d}'}
        for n in range(1, 20)
    ]
    *_, score, expected = iou_plots(rows)
    assert (score.title, expected.title) == ('Score against IoU', 'Expected IoU against IoU')
    assert 'ISIC_0000004: expected IoU 0.200, IoU 0.200' in expected.svg
    assert expected.rows[0] == ['0.050 to 0.100', 2, pytest.approx(0.075), pytest.approx(0.075)]


def test_training_has_scores_total_loss_and_parts():
    records = []
    for epoch in (1, 2):
        for step in (10 * epoch - 5, 10 * epoch):
            records.append({'loss': 20 / step, 'loss_mask': 0.1, 'epoch': epoch, 'step': step})
        records.append({'val/loss': 3.0 / epoch, 'step': 10 * epoch})
        records.append({'lesion/iou': 0.6 + 0.1 * epoch, 'lesion/iou_max': 0.9, 'step': epoch})
    (scores, total), parts = training_plots(TrainingLog.of(records))
    assert 'best IoU 0.800, epoch 2' in scores.svg
    assert scores.rows[0] == [1, pytest.approx(0.7), 0.9, None]
    assert total.title == 'Total loss' and 'ValidationLossHook' not in total.caption
    assert [plot.title for plot in parts] == ['Mask loss']


@pytest.mark.parametrize('records', [[], [{'lr': 0.1, 'step': 1}]])
def test_a_log_without_curves_has_no_plots(records):
    assert training_plots(TrainingLog.of(records)) == ([], [])


def test_losses_that_are_not_finite_are_gaps():
    values = [2.0, np.nan, np.inf, 1.0]
    log = TrainingLog.of({'loss': v, 'epoch': 1, 'step': step} for step, v in enumerate(values, 1))
    (plot,), _ = training_plots(log)
    assert 'ValidationLossHook' in plot.caption
    assert 'nan' not in plot.svg and 'inf' not in plot.svg
