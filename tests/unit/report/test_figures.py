"""Figures show the numbers that they are given."""

import cv2
import numpy as np
import pytest
from matplotlib.colors import to_rgb

from isic_mmdet.masks.resize import parse_rule
from isic_mmdet.report.confusion import Confusion
from isic_mmdet.report.figures import (
    LOSSES,
    RULE_COLORS,
    confusion_figure,
    iou_box_figure,
    iou_histogram_figure,
    loss_figure,
    rating_figure,
    resolution_figure,
    save_figure,
    training_figure,
)
from isic_mmdet.report.run_files import RULES, TrainingLog
from tests.support.report_run import losses, training


@pytest.fixture
def rows():
    iou = np.append(np.random.default_rng(0).beta(8, 2, 30), 0.0)
    return [{'iou': v, 'iou_max': min(1, 1.05 * v), 'detections': 2 * (v > 0)} for v in iou]


def line(axes, label):
    (found,) = [line for line in axes.get_lines() if line.get_label() == label]
    return found.get_xydata()


def light_lines(axes):
    return [line.get_xydata() for line in axes.get_lines() if line.get_label().startswith('_')]


def test_box_plot_shows_both_rules_with_numpys_quartiles(rows):
    (axes,) = iou_box_figure(rows).axes
    texts = [text.get_text() for text in axes.texts]
    heights = [line.get_ydata() for line in axes.get_lines()]
    for position, rule in enumerate(RULES):
        values = np.array([row[rule] for row in rows])
        points = axes.collections[position].get_offsets()
        np.testing.assert_array_equal(points[:, 1], values)
        q1, median, q3 = np.percentile(values, [25, 50, 75])
        text = f'Q3 {q3:.3f}\nmedian {median:.3f}\nQ1 {q1:.3f}\n◇ mean {values.mean():.3f}'
        assert text in texts
        assert any(np.allclose(height, median) for height in heights)
    assert any(np.allclose(height, 0.65) for height in heights)
    assert axes.get_title() == '31 images, 1 without a detection (IoU 0)'
    assert 'Jaccard' in axes.get_ylabel()
    assert iou_box_figure(rows[-1:]).axes[0].get_title().startswith('1 images, 1 without')


def test_a_png_has_both_colors_and_is_the_same_every_time(rows, tmp_path):
    for name in 'ab':
        save_figure(iou_box_figure(rows), tmp_path / 'plots' / f'{name}.png')
    image = cv2.imread(str(tmp_path / 'plots' / 'a.png'))
    assert image.shape[1] >= 800
    for color in RULE_COLORS.values():
        blue_green_red = np.round(np.array(to_rgb(color))[::-1] * 255)
        assert (np.abs(image - blue_green_red).max(axis=2) < 3).sum() > 500
    np.testing.assert_array_equal(image, cv2.imread(str(tmp_path / 'plots' / 'b.png')))


def test_histogram_counts_every_image_and_splits_at_the_threshold():
    (axes,) = iou_histogram_figure(np.array([0.0, 0.649999, 0.65, 0.65, 0.97, 1.0])).axes
    bars = [bar for bar in axes.patches if bar.get_height()]
    assert [bar.get_height() for bar in bars] == [1, 1, 2, 2]
    colors = [bar.get_facecolor() for bar in bars]
    assert colors[0] == colors[1] != colors[2] == colors[3]


def test_a_rating_is_drawn_against_the_iou():
    scores, overlaps = np.array([0.9, 0.8, 0.99]), np.array([0.7, 0.2, 0.9])
    (axes,) = rating_figure(scores, overlaps, 'expected IoU').axes
    assert axes.get_xlabel() == 'expected IoU'
    points = axes.collections[0].get_offsets()
    np.testing.assert_allclose(points, np.stack([scores, overlaps], axis=1))
    assert axes.get_xlim()[0] == pytest.approx(0.8)


# training

STEPS = range(5, 31, 5)
LOG = TrainingLog.of(
    record
    for step in STEPS
    for record in (
        training(step),
        *([losses('val/', step, 2.0)] if step % 10 == 0 else []),
        *([{'lesion/iou': 0.5 + step / 1000, 'step': step // 10}] if step % 10 == 0 else []),
    )
)


def test_curves_show_what_was_logged_by_epoch():
    drawn, scores = training_figure(LOG).axes
    expected = [[step / 10, 1 + 1 / step] for step in STEPS]
    np.testing.assert_allclose(line(drawn, 'total'), expected)
    np.testing.assert_allclose(line(drawn, 'mask')[:, 1], [6 + 1 / step for step in STEPS])
    np.testing.assert_allclose(
        line(scores, 'IoU, highest score'), [[1, 0.51], [2, 0.52], [3, 0.53]]
    )
    assert 'best IoU 0.530, epoch 3' in scores.get_title()
    assert drawn.get_xlabel() == scores.get_xlabel() == 'epoch'


@pytest.mark.parametrize(('epochs', 'last'), [(1, 1), (3, 2 + 2 / 3)])
def test_epochs_fit_although_the_log_is_coarse(epochs, last):
    records = []
    for epoch in range(1, epochs + 1):  # 30 iterations each, the 20th is logged
        records.append({'loss': 1.0, 'epoch': epoch, 'step': (epoch - 1) * 30 + 20})
        records.append({'lesion/iou': 0.5, 'step': epoch})
    drawn, scores = training_figure(TrainingLog.of(records)).axes
    assert line(drawn, 'total')[-1, 0] == pytest.approx(last)
    assert drawn.get_xlim() == scores.get_xlim()
    assert drawn.get_xlim()[0] == 0
    assert drawn.get_xlim()[1] > epochs, 'the last validation is visible'


def test_training_by_iteration_is_drawn_over_iterations():
    log = TrainingLog.of(
        [{'loss': 2.0, 'step': 50}, {'val/loss': 3.0, 'step': 50}, {'loss': 1.0, 'step': 100}]
    )
    (drawn,), (total,) = training_figure(log).axes, loss_figure(log).axes
    np.testing.assert_allclose(line(drawn, 'total'), [[50, 2], [100, 1]])
    np.testing.assert_allclose(line(total, 'training'), [[50, 2], [100, 1]])
    assert drawn.get_xlabel() == total.get_xlabel() == 'iteration'


@pytest.mark.parametrize('records', [[], [{'lr': 0.1, 'step': 1}]])
def test_a_log_without_curves_gives_no_figure(records):
    log = TrainingLog.of(records)
    assert training_figure(log) is None
    assert loss_figure(log) is None


def test_each_loss_has_a_panel_with_training_and_held_out_values():
    figure = loss_figure(LOG)
    assert [axes.get_title() for axes in figure.axes] == [
        f'{name} loss' for name, _ in LOSSES.values()
    ]
    for number, axes in enumerate(figure.axes, 1):
        np.testing.assert_allclose(
            line(axes, 'validation'), [[e, 2 * (number + 1 / (10 * e))] for e in (1, 2, 3)]
        )
        means = [[e - 0.25, number + (1 / (10 * e - 5) + 1 / (10 * e)) / 2] for e in (1, 2, 3)]
        np.testing.assert_allclose(line(axes, 'training'), means)
        (single,) = light_lines(axes)
        np.testing.assert_allclose(single[:, 0], [0.5, 1, 1.5, 2, 2.5, 3])
        labels = [text.get_text() for text in axes.get_legend().get_texts()]
        assert labels == ['training', 'validation']
        assert axes.get_ylim()[0] == 0
        assert axes.get_ylim()[1] > line(axes, 'validation')[:, 1].max()
    assert {axes.get_xlabel() for axes in figure.axes[3:]} == {'epoch'}


def test_losses_of_every_iteration_get_means_and_light_lines():
    records = [record for s in range(1, 31) for record in (training(s), losses('test/', s, 3.0))]
    axes = loss_figure(TrainingLog.of(records)).axes[0]
    values = 3 * (1 + 1 / np.arange(1, 31)).reshape(3, 10)
    np.testing.assert_allclose(line(axes, 'test')[:, 1], values.mean(axis=1))
    np.testing.assert_allclose(line(axes, 'test')[:, 0], [0.55, 1.55, 2.55])
    assert [len(single) for single in light_lines(axes)] == [30, 30]


def test_epochs_end_at_their_last_iteration_and_spikes_leave_the_panel():
    length = 3 * (1 - 1e-12)  # a quotient that came out too small
    log = TrainingLog([{'loss': step, 'step': step} for step in range(1, 7)], 'epoch', length)
    np.testing.assert_allclose(line(loss_figure(log).axes[0], 'training')[:, 1], [2, 5])
    spike = [training(step, 1000.0 if step == 7 else 1.0) for step in range(1, 301)]
    top = loss_figure(TrainingLog.of(spike)).axes[0].get_ylim()[1]
    assert top < 200, 'one spike does not flatten the curves'


def test_losses_that_were_not_logged_have_no_panel_and_diverged_ones_a_gap():
    records = [{'loss': 1.0, 'epoch': 1, 'step': 5}, {'loss': np.nan, 'epoch': 2, 'step': 10}]
    (total,) = loss_figure(TrainingLog.of(records)).axes
    assert [curve.get_label() for curve in total.get_lines()] == ['training']
    assert np.isnan(line(total, 'training')[1, 1])


def test_losses_of_stages_are_added_and_those_of_other_detectors_are_drawn():
    records = [
        {'loss': 9.0, 'd0.loss_cls': 1.0, 'loss_cls': 2.0, 'loss_dice': 3.0, 'step': 1},
        {'val/loss': 8.0, 'val/d0.loss_cls': 2.0, 'val/loss_cls': 5.0, 'step': 1},
        {'loss': 7.0, 'stage1_loss_point': 1.0, 'stage2_loss_point': 1.5, 'step': 2},
    ]
    log = TrainingLog.of(records)
    panels = {axes.get_title(): axes for axes in loss_figure(log).axes if axes.axison}
    assert list(panels) == ['total loss', 'class loss', 'dice loss', 'point loss']
    np.testing.assert_allclose(line(panels['class loss'], 'training'), [[1, 3]])
    np.testing.assert_allclose(line(panels['class loss'], 'validation'), [[1, 7]])
    np.testing.assert_allclose(line(panels['point loss'], 'training'), [[2, 2.5]])
    (drawn,) = training_figure(log).axes
    assert {'total', 'class', 'dice', 'point'} == {each.get_label() for each in drawn.get_lines()}
    shown = [panel.get_xlabel() for panel in panels.values()]
    assert shown == ['', 'iteration', 'iteration', 'iteration']


# resolutions

SIZES = [(542, 718)] * 3 + [(700, 700)] * 2 + [(700, 701), (767, 1022), (4499, 6748)]


def bars(axes):
    """Return (left, right, count) of every bar that is not empty."""
    spans = [(bar.get_x(), bar.get_x() + bar.get_width(), bar.get_height()) for bar in axes.patches]
    return [span for span in spans if span[2]]


def test_every_image_is_in_the_bar_of_its_megapixels():
    figure = resolution_figure(SIZES)
    (axes,) = figure.axes
    megapixels = np.prod(SIZES, axis=1) / 1e6
    assert sum(count for *_, count in bars(axes)) == len(SIZES)
    for left, right, count in bars(axes):
        inside = (megapixels > left * (1 + 1e-9)) & (megapixels <= right * (1 + 1e-9))
        assert inside.sum() == count
        assert not left < 0.489 < 0.491 < right, 'the limit is between two bars'
    median, limit = (line.get_xdata()[0] for line in axes.get_lines())
    assert (median, limit) == (pytest.approx(np.median(megapixels)), pytest.approx(0.49))
    words = ' '.join(text.get_text() for text in figure.legends[0].get_texts())
    shrunk = sum(parse_rule('quarter').size(*size) != size for size in SIZES)
    assert shrunk == 3 and 'above it: 3 images' in words
    assert axes.get_title() == '8 images, 0.39 to 30.36 MP'
    shown = [text.get_text() for text in axes.texts if text.get_visible()]
    assert sorted(shown) == sorted(str(int(count)) for *_, count in bars(axes))


def test_images_of_one_size_have_ticks_around_them():
    (axes,) = resolution_figure([(512, 512)] * 4).axes
    assert len(bars(axes)) == 1
    assert axes.get_xticks().min() < 0.26 < axes.get_xticks().max()


# confusion matrix


def cells(figure):
    """Return (row, column) to text."""
    return {text.get_position()[::-1]: text.get_text() for text in figure.axes[0].texts}


def ticks(labels):
    return [label.get_text() for label in labels]


def test_counts_and_shares_are_in_their_rows():
    scores = {'precision': 0.43396, 'recall': 0.76667, 'f1': 0.5542, 'auc': 0.81}
    metrics = {f'melanoma/{name}': value for name, value in scores.items()}
    counts, names = np.array([[90, 30], [7, 23]]), ('not melanoma', 'melanoma')
    figure = confusion_figure(Confusion(names, counts, np.zeros(2, int), 'melanoma'), metrics)
    assert cells(figure) == {
        (0, 0): '90\n75.0% of row',
        (0, 1): '30\n25.0% of row',
        (1, 0): '7\n23.3% of row',
        (1, 1): '23\n76.7% of row',
    }
    axes = figure.axes[0]
    assert ticks(axes.get_xticklabels()) == ['not melanoma', 'melanoma']
    assert ticks(axes.get_yticklabels()) == ['not melanoma\n(120)', 'melanoma\n(30)']
    assert axes.get_xlabel().startswith('predicted') and axes.get_ylabel().startswith('true')
    assert figure.get_suptitle() == (
        'melanoma: precision 0.434, recall 0.767, F1 0.554\n'
        'average precision –, AUC 0.810, precision at a recall of 0.76: –'
    )


@pytest.mark.parametrize(
    ('classes', 'positive'),
    [
        (['akiec', 'bcc', 'bkl', 'df', 'mel', 'nv', 'vasc'], 'mel'),
        (['$a_b$', 'Näv us\\', 'плоский лишай'], None),
    ],
    ids=['seven', 'odd names'],
)
@pytest.mark.filterwarnings('error::UserWarning')  # of matplotlib, for missing glyphs
def test_many_classes_are_in_their_rows(tmp_path, classes, positive):
    number = len(classes)
    counts = np.random.default_rng(0).integers(0, 30, (number, number))
    counts[2] = 0  # a class without images
    undetected = np.array([3, *[0] * (number - 1)])
    metrics = {'classes/balanced_accuracy': 0.5, 'classes/macro_auc': None, 'mel/auc': 0.75}
    figure = confusion_figure(Confusion(tuple(classes), counts, undetected, positive), metrics)
    assert ticks(figure.axes[0].get_xticklabels()) == [*classes, 'no detection']
    found, total = cells(figure), counts[0].sum() + 3
    assert len(found) == number * (number + 1)
    assert ticks(figure.axes[0].get_yticklabels())[0] == f'{classes[0]}\n({total})'
    assert (found[0, number], found[2, 0]) == (f'3\n{3 / total:.0%}', '0\n0%')
    title = figure.get_suptitle()
    assert f'{number} classes: accuracy –, balanced accuracy 0.500, macro AUC –' in title
    assert ('mel: ' in title) == (positive is not None)
    save_figure(figure, tmp_path / 'matrix.png')
    assert np.ptp(cv2.imread(str(tmp_path / 'matrix.png'))) > 200
