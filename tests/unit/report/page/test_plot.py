"""Plots of the report: every mark stands where its number is."""

import re

import numpy as np
import pytest

from isic_mmdet.report.page.curves import training_section
from isic_mmdet.report.page.evaluation import SCORES, ImageScores
from isic_mmdet.report.page.groups import groups_section
from isic_mmdet.report.page.markup import Markup, element, table
from isic_mmdet.report.page.plot import Axis, Plot
from isic_mmdet.report.page.spread import box_plot, histogram, score_plot


def tags(markup, name):
    """Return the attributes of all elements of a name."""
    return [
        dict(re.findall(r'([\w-]+)="([^"]*)"', words))
        for words in re.findall(rf'<{name}\b([^>]*)>', markup)
    ]


def image(iou, score):
    return ImageScores('x', dict.fromkeys(SCORES, iou), score, None, None, 1, 10, 10)


def test_markup_escapes_text_and_attributes():
    made = element('a', '<b> & "c"', [Markup('<i></i>'), None], href='"x"', class_='k', hidden=True)
    assert made == (
        '<a href="&quot;x&quot;" class="k" hidden>&lt;b&gt; &amp; &quot;c&quot;<i></i></a>'
    )
    assert element('input', min=0, checked=False, value=None) == '<input min="0">'
    assert element('circle', cx=1 / 3, cy=2.0) == '<circle cx="0.33" cy="2"></circle>'
    assert '<th scope="row">&lt;</th><td>1</td>' in table(['a', 'b'], [['<', 1]])


def test_axes_map_values_to_coordinates():
    plot = Plot(Axis('x', 0, 10), Axis('y', 0, 1))
    assert plot.x(5) == pytest.approx((plot.x(0) + plot.x(10)) / 2)
    assert plot.y(0) > plot.y(1), 'upwards'
    plot.dots([(0, 0), (10, 1)], 'blue')
    first, last = tags(plot.markup('t'), 'circle')
    assert float(first['cx']) < float(last['cx']) and float(first['cy']) > float(last['cy'])
    assert Axis('x', 0, 3, whole=True).marks() == [0, 1, 2, 3]
    assert Axis('x', 0.62, 1).marks() == pytest.approx([0.7, 0.8, 0.9, 1.0])


def test_histogram_counts_every_image_and_splits_at_the_threshold():
    values = np.array([0.0, 0.649999, 0.65, 0.65, 0.97, 1.0])
    drawing = histogram(values)
    bars = [tag for tag in tags(drawing, 'rect') if 'bar' in tag['class']]
    heights = [float(bar['height']) for bar in bars]
    unit = min(heights)
    assert [round(height / unit) for height in heights] == [1, 1, 2, 2]
    assert [bar['class'] for bar in bars] == ['bar orange'] * 2 + ['bar blue'] * 2
    assert '2 of 6 images (33.3 %)' in drawing


def test_box_plot_shows_quartiles_and_outliers():
    values = np.array([0.0, 0.8, 0.82, 0.84, 0.86, 0.88])
    drawing = box_plot({'iou': values, 'iou_max': values})
    plot = Plot(Axis('', 0, 1, []), Axis('', 0, 1, []))
    boxes = [tag for tag in tags(drawing, 'rect') if tag['class'] == 'area blue']
    q1, q3 = np.quantile(values, [0.25, 0.75])
    (box,) = boxes
    assert float(box['x']) == pytest.approx(plot.x(q1), abs=0.01)
    assert float(box['width']) == pytest.approx(plot.x(q3) - plot.x(q1), abs=0.02)
    outliers = [tag for tag in tags(drawing, 'circle') if tag['class'] == 'dot blue']
    assert [float(tag['cx']) for tag in outliers] == [plot.x(0)]
    assert 'highest score: median 0.830' in drawing


def test_score_plot_has_a_point_for_every_detection():
    images = [image(0.5, 0.7), image(0.9, 0.99), image(0.7, 0.8), image(0.0, None)]
    drawing = score_plot(images)
    points = [tag for tag in tags(drawing, 'circle') if 'see-through' in tag['class']]
    assert len(points) == 3
    assert drawing.count('<title>x: score 0.990, IoU 0.900</title>') == 1
    assert 'Spearman): 1.00' in drawing
    alone = score_plot([image(0.0, None)])
    assert '0 images with a detection' in alone and 'Spearman' not in alone


def test_curves_of_training_and_validation():
    records = []
    for epoch in (1, 2):
        for step in (10 * epoch - 5, 10 * epoch):
            records.append({'loss': 20 / step, 'loss_mask': 0.1, 'epoch': epoch, 'step': step})
        records.append({'val/loss': 3.0 / epoch, 'step': 10 * epoch})
        records.append({'lesion/iou': 0.6 + 0.1 * epoch, 'lesion/iou_max': 0.9, 'step': epoch})
    section = training_section(records)
    assert 'Best IoU 0.800, epoch 2' in section
    # Means of the epochs: (4 + 2) / 2 and (20 / 15 + 1) / 2.
    assert 'Training: from 3.000 to 1.167; validation: from 3.000 to 1.500' in section
    assert 'Mask loss' in section and 'Box loss' not in section
    assert 'ValidationLossHook' not in section
    assert '<td>0.700</td><td>0.900</td>' in section


def test_log_without_curves_has_no_section():
    assert training_section([]) is None
    assert training_section([{'lr': 0.1, 'step': 1}]) is None


def test_loss_that_is_not_finite_is_left_out():
    records = [
        {'loss': value, 'epoch': 1, 'step': step}
        for step, value in enumerate([2.0, float('nan'), float('inf'), 1.0], 1)
    ]
    section = training_section(records)
    assert 'Training: from 1.500 to 1.500' in section
    assert section.count('ValidationLossHook') == 1, 'how to have those of validation too'
    assert 'nan' not in section and 'inf' not in section.replace('info', '')


def test_groups_show_what_differs():
    rows = [
        {
            **dict.fromkeys(SCORES, 0.5 + 0.1 * number),
            'detections': 1,
            'height': 100,
            'width': 100,
            'diagnosis': 'nevus' if number < 3 else 'melanoma',
        }
        for number in range(4)
    ]
    section = groups_section(rows)
    assert 'nevus</th><td>3</td><td>0.600</td>' in section
    words = re.sub('<[^>]+>', '|', section)
    assert re.search(r'nevus\|+3\|+0\.600\|+0\.500 to 0\.700', words)
    assert re.search(r'melanoma\|+1\|+0\.800\|+–\|', words), 'one has no interval'
    assert 'megapixels' not in section, 'all images are alike'
    assert groups_section(rows[:1]) is None
