"""Plots of the report as inline SVG, their captions and numbers."""

import re
from collections import Counter

import numpy as np

from isic_mmdet.report.figures import score_figure
from isic_mmdet.report.page.evaluation import SCORES, Evaluation, ImageScores
from isic_mmdet.report.page.plots import iou_plots, training_plots
from isic_mmdet.report.page.scores import groups
from isic_mmdet.report.page.svg import figure_svg


def evaluation(*values):
    images = [
        ImageScores(
            f'<{n}>', dict.fromkeys(SCORES, iou), score, None, None, int(score is not None), 9, 9
        )
        for n, (iou, score) in enumerate(values)
    ]
    return Evaluation({}, tuple(images), ())


def test_histogram_splits_at_the_threshold():
    found = evaluation(*((iou, 0.9) for iou in (0.0, 0.649999, 0.65, 0.65, 0.97, 1.0)))
    _, histogram, _ = iou_plots(found)
    assert '2 of 6 images (33.3 %)' in histogram.caption
    counts = dict(histogram.rows)
    assert (counts['0.60 to 0.65'], counts['0.65 to 0.70'], counts['0.95 to 1.00']) == (1, 2, 2)


def test_box_plot_has_the_quartiles():
    box, *_ = iou_plots(evaluation(*((iou, 0.9) for iou in (0.0, 0.8, 0.82, 0.84, 0.86, 0.88))))
    row = dict(zip(box.head, box.rows[0], strict=True))
    assert (row['median'], row['max']) == ('0.830', '0.880')


def test_score_plot_has_a_named_point_for_every_detection():
    *_, plot = iou_plots(evaluation((0.5, 0.7), (0.9, 0.99), (0.7, 0.8), (0.0, None)))
    titles = re.findall('<use[^>]*><title>([^<]*)</title></use>', plot.svg)
    assert len(titles) == 3 and titles[1] == '&lt;1&gt;: score 0.990, IoU 0.900'
    assert 'Spearman): 1.00' in plot.caption
    *_, alone = iou_plots(evaluation((0.0, None)))
    assert '0 images with a detection' in alone.caption and 'Spearman' not in alone.caption


def test_svg_has_no_styles_and_unique_deterministic_ids():
    def draw(name):
        return figure_svg(score_figure(np.array([0.5, 0.7]), np.array([0.2, 0.9])), name, 'a "b"')

    assert draw('a') == draw('a')
    assert 'style' not in draw('a') and 'aria-label="a &quot;b&quot;"' in draw('a')
    ids = re.findall(r'\bid="([^"]+)"', draw('a') + draw('b'))
    assert max(Counter(ids).values()) == 1
    assert set(re.findall(r'#((?:a|b)-\w+)', draw('a') + draw('b'))) <= set(ids)


def test_training_has_scores_total_loss_and_parts():
    records = []
    for epoch in (1, 2):
        for step in (10 * epoch - 5, 10 * epoch):
            records.append({'loss': 20 / step, 'loss_mask': 0.1, 'epoch': epoch, 'step': step})
        records.append({'val/loss': 3.0 / epoch, 'step': 10 * epoch})
        records.append({'lesion/iou': 0.6 + 0.1 * epoch, 'lesion/iou_max': 0.9, 'step': epoch})
    (scores, total), parts = training_plots(records)
    assert 'best IoU 0.800, epoch 2' in scores.svg
    assert scores.rows[0] == [1, '0.700', '0.900', '–']
    assert total.title == 'Total loss' and 'ValidationLossHook' not in total.caption
    assert [plot.title for plot in parts] == ['Mask loss']
    assert training_plots([]) == training_plots([{'lr': 0.1, 'step': 1}]) == ([], [])


def test_losses_that_are_not_finite_are_gaps():
    values = [2.0, float('nan'), float('inf'), 1.0]
    records = [{'loss': v, 'epoch': 1, 'step': step} for step, v in enumerate(values, 1)]
    (plot,), _ = training_plots(records)
    assert 'ValidationLossHook' in plot.caption
    assert 'nan' not in plot.svg and 'inf' not in plot.svg


def test_groups_show_what_differs():
    rows = [
        {
            **dict.fromkeys(SCORES, 0.5 + 0.1 * n),
            **{'detections': 1, 'height': 100, 'width': 100},
            'diagnosis': 'nevus' if n < 3 else 'melanoma',
        }
        for n in range(4)
    ]
    (table,) = groups(rows)['tables'].values()
    found = {group['name']: group for group in table}
    assert found['nevus']['images'] == 3
    np.testing.assert_allclose(found['nevus']['iou'].ends, (0.5, 0.7))
    assert found['melanoma']['iou'].ends is None, 'a single image has no interval'
    assert groups(rows[:1]) is None
