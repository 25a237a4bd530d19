"""Plots of the page: inline SVG that needs no style attribute, and the numbers next to it."""

import re

import numpy as np

from isic_mmdet.report.figures import score_figure
from isic_mmdet.report.page.plots import training_plots
from isic_mmdet.report.page.svg import figure_svg


def test_an_svg_is_the_same_every_time_and_has_no_style():
    def drawn():
        figure = score_figure(np.array([0.9, 0.8]), np.array([0.7, 0.2]))
        return figure_svg(figure, 'score', 'Score & IoU', ['<first>', 'second'])

    svg = drawn()
    assert svg == drawn()
    assert 'style=' not in svg and '<style' not in svg and 'xlink' not in svg
    assert 'aria-label="Score &amp; IoU"' in svg
    assert '<title>&lt;first&gt;</title>' in svg and '<title>second</title>' in svg


def test_ids_of_two_figures_differ_and_references_stay_inside():
    figures = [
        figure_svg(score_figure(np.array([0.9]), np.array([0.7])), name, 'title')
        for name in ('one', 'two')
    ]
    ids = [set(re.findall(r' id="([^"]+)"', svg)) for svg in figures]
    assert ids[0] and not ids[0] & ids[1]
    for svg, known in zip(figures, ids, strict=True):
        used = set(re.findall(r'(?:href="#|url\(#)([\w-]+)', svg))
        assert used and used <= known


def test_a_log_without_curves_has_no_plots():
    assert training_plots([]) == ([], [])
    assert training_plots([{'lr': 0.1, 'step': 1}]) == ([], [])


def test_the_log_of_a_training_becomes_plots_with_numbers():
    records = []
    for epoch in (1, 2):
        records.append({'loss': 3.0 / epoch, 'loss_mask': 1.0, 'epoch': epoch, 'step': epoch * 10})
        records.append({'lesion/iou': 0.7, 'lesion/iou_max': 0.9, 'step': epoch})
    shown, parts = training_plots(records)
    assert [plot.title for plot in shown] == ['Validation scores', 'Total loss']
    assert [plot.title for plot in parts] == ['Mask loss']
    assert list(shown[0].rows[1])[:3] == [2, '0.700', '0.900']
    assert 'ValidationLossHook' in shown[1].caption
