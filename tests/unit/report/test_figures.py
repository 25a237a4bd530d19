"""Figures show the numbers that they are given."""

import cv2
import numpy as np
import pytest
from matplotlib.colors import to_rgb

from isic_mmdet.report.confusion import Confusion
from isic_mmdet.report.figures import (
    LOSSES,
    RULE_COLORS,
    confusion_figure,
    epoch_means,
    iou_box_figure,
    iou_histogram_figure,
    loss_figure,
    save_figure,
    score_figure,
    training_figure,
)
from isic_mmdet.report.run_files import RULES, continued

LENGTH = 10  # iterations of an epoch


@pytest.fixture
def columns():
    iou = np.append(np.random.default_rng(0).beta(8, 2, 30), 0.0)
    detections = np.append(np.full(30, 2.0), 0)
    return {'iou': iou, 'iou_max': np.minimum(1, iou + 0.05 * (iou > 0)), 'detections': detections}


def log(*parts):
    """Return a log of epochs of 10 iterations, every fifth logged; parts: first, last, offset."""
    records = []
    for first, last, offset in parts:
        for epoch in range(first, last + 1):
            for step in (epoch * 10 - 5, epoch * 10):
                loss = offset + 1 / step
                record = {'loss': loss, 'loss_mask': loss / 2, 'epoch': epoch, 'step': step}
                records.append({**record, 'lr': 0.01, 'acc': 99.0, 'iter': step})
            records.append(
                {'lesion/iou': offset + epoch / 100, 'lesion/iou_max': 0.9, 'step': epoch}
            )
    return records


def losses(prefix, step, scale=1.0, **more):
    """Return a record whose losses tell prefix, kind and step apart."""
    values = {
        f'{prefix}{key}': scale * (number + 1 + 1 / step) for number, key in enumerate(LOSSES)
    }
    return {**values, 'step': step, **more}


def training(step, scale=1.0):
    return losses('', step, scale, epoch=(step - 1) // LENGTH + 1, iter=step, lr=0.01)


def line(axes, label):
    (found,) = [line for line in axes.get_lines() if line.get_label() == label]
    return found.get_xydata()


def raw(axes):
    """Return the light lines, those without a label."""
    return [line.get_xydata() for line in axes.get_lines() if line.get_label().startswith('_')]


def test_box_plot_shows_both_rules_with_numpys_quartiles(columns):
    (axes,) = iou_box_figure(columns).axes
    texts = [text.get_text() for text in axes.texts]
    heights = [line.get_ydata() for line in axes.get_lines()]
    for position, rule in enumerate(RULES):
        points = axes.collections[position].get_offsets()
        np.testing.assert_array_equal(points[:, 1], columns[rule])
        q1, median, q3 = np.percentile(columns[rule], [25, 50, 75])
        mean = columns[rule].mean()
        assert f'Q3 {q3:.3f}\nmedian {median:.3f}\nQ1 {q1:.3f}\n◇ mean {mean:.3f}' in texts
        assert any(np.allclose(height, median) for height in heights)
    assert any(np.allclose(height, 0.65) for height in heights)
    assert axes.get_title() == '31 images, 1 without a detection (IoU 0)'
    assert 'Jaccard' in axes.get_ylabel()


def test_a_png_has_both_colors_and_is_the_same_every_time(columns, tmp_path):
    for name in 'ab':
        save_figure(iou_box_figure(columns), tmp_path / 'plots' / f'{name}.png')
    image = cv2.imread(str(tmp_path / 'plots' / 'a.png'))
    assert image.shape[1] >= 800
    for color in RULE_COLORS.values():
        blue_green_red = np.round(np.array(to_rgb(color))[::-1] * 255)
        assert (np.abs(image - blue_green_red).max(axis=2) < 3).sum() > 500
    np.testing.assert_array_equal(image, cv2.imread(str(tmp_path / 'plots' / 'b.png')))


def test_box_plot_of_a_single_image():
    figure = iou_box_figure(dict.fromkeys(('iou', 'iou_max', 'detections'), np.zeros(1)))
    assert figure.axes[0].get_title().startswith('1 images, 1 without')


def test_histogram_counts_every_image_and_splits_at_the_threshold():
    (axes,) = iou_histogram_figure(np.array([0.0, 0.649999, 0.65, 0.65, 0.97, 1.0])).axes
    bars = [bar for bar in axes.patches if bar.get_height()]
    assert [bar.get_height() for bar in bars] == [1, 1, 2, 2]
    colors = [bar.get_facecolor() for bar in bars]
    assert colors[0] == colors[1] != colors[2] == colors[3]


def test_scores_are_drawn_against_the_iou():
    scores, overlaps = np.array([0.9, 0.8, 0.99]), np.array([0.7, 0.2, 0.9])
    (axes,) = score_figure(scores, overlaps).axes
    points = axes.collections[0].get_offsets()
    np.testing.assert_allclose(points, np.stack([scores, overlaps], axis=1))
    assert axes.get_xlim()[0] == pytest.approx(0.8)


def test_curves_show_what_was_logged_by_epoch():
    losses, scores = training_figure(log((1, 3, 0.5))).axes
    total = line(losses, 'total')
    np.testing.assert_allclose(total[:, 0], [0.5, 1, 1.5, 2, 2.5, 3])
    np.testing.assert_allclose(total[:, 1], [0.5 + 1 / step for step in range(5, 31, 5)])
    np.testing.assert_allclose(line(losses, 'mask')[:, 1], total[:, 1] / 2)
    np.testing.assert_allclose(
        line(scores, 'IoU, highest score'), [[1, 0.51], [2, 0.52], [3, 0.53]]
    )
    assert 'best IoU 0.530, epoch 3' in scores.get_title()
    assert losses.get_xlabel() == scores.get_xlabel() == 'epoch'


def test_resumed_runs_replace_what_they_repeat():
    records = continued(log((1, 3, 0.5), (3, 4, 0.7)))
    losses, scores = training_figure(records).axes
    np.testing.assert_allclose(line(losses, 'total')[:, 0], np.arange(0.5, 4.1, 0.5))
    np.testing.assert_allclose(line(scores, 'IoU, highest score')[:, 1], [0.51, 0.52, 0.73, 0.74])


def test_a_run_that_started_over_leaves_nothing_of_the_old_one():
    losses, scores = training_figure(continued(log((1, 5, 0.5), (1, 2, 0.7)))).axes
    assert line(losses, 'total')[:, 0].max() == 2
    np.testing.assert_allclose(line(scores, 'IoU, highest score')[:, 1], [0.71, 0.72])


@pytest.mark.parametrize(('epochs', 'last'), [(1, 1), (3, 2 + 2 / 3)])
def test_epochs_fit_although_the_log_is_coarse(epochs, last):
    records = []
    for epoch in range(1, epochs + 1):  # 30 iterations each, the 20th is logged
        records.append({'loss': 1.0, 'epoch': epoch, 'step': (epoch - 1) * 30 + 20})
        records.append({'lesion/iou': 0.5, 'step': epoch})
    losses, scores = training_figure(records).axes
    assert line(losses, 'total')[-1, 0] == pytest.approx(last)
    assert losses.get_xlim() == scores.get_xlim()
    assert losses.get_xlim()[0] == 0
    assert losses.get_xlim()[1] > epochs, 'the last validation is visible'


def test_curves_by_iteration_and_without_validation():
    (losses,) = training_figure([{'loss': 2.0, 'step': 50}, {'loss': 1.0, 'step': 100}]).axes
    np.testing.assert_allclose(line(losses, 'total'), [[50, 2], [100, 1]])
    assert losses.get_xlabel() == 'iteration'


@pytest.mark.parametrize('records', [[], [{'lr': 0.1, 'step': 1}]])
def test_a_log_without_curves_gives_no_figure(records):
    assert training_figure(records) is None
    assert loss_figure(records) is None


def test_each_loss_has_a_panel_with_training_and_held_out_values():
    records = []
    for epoch in (1, 2, 3):
        records += [training(epoch * 10 - 5), training(epoch * 10)]
        records += [losses('val/', epoch * 10, 2.0), {'lesion/iou': 0.5, 'step': epoch}]
    figure = loss_figure(records)
    assert [axes.get_title() for axes in figure.axes] == [
        f'{name} loss' for name, _ in LOSSES.values()
    ]
    for number, axes in enumerate(figure.axes, 1):
        np.testing.assert_allclose(
            line(axes, 'validation'), [[e, 2 * (number + 1 / (10 * e))] for e in (1, 2, 3)]
        )
        means = [[e - 0.25, number + (1 / (10 * e - 5) + 1 / (10 * e)) / 2] for e in (1, 2, 3)]
        np.testing.assert_allclose(line(axes, 'training'), means)
        (single,) = raw(axes)
        np.testing.assert_allclose(single[:, 0], [0.5, 1, 1.5, 2, 2.5, 3])
        labels = [text.get_text() for text in axes.get_legend().get_texts()]
        assert labels == ['training', 'validation']
        assert axes.get_ylim()[0] == 0
        assert axes.get_ylim()[1] > line(axes, 'validation')[:, 1].max()
    assert {axes.get_xlabel() for axes in figure.axes[3:]} == {'epoch'}


def test_losses_of_every_iteration_get_means_and_light_lines():
    records = [record for s in range(1, 31) for record in (training(s), losses('test/', s, 3.0))]
    axes = loss_figure(records).axes[0]
    values = 3 * (1 + 1 / np.arange(1, 31)).reshape(3, 10)
    np.testing.assert_allclose(line(axes, 'test')[:, 1], values.mean(axis=1))
    np.testing.assert_allclose(line(axes, 'test')[:, 0], [0.55, 1.55, 2.55])
    assert [len(single) for single in raw(axes)] == [30, 30]


def test_one_spike_does_not_flatten_the_curves():
    records = [training(step, 1000.0 if step == 7 else 1.0) for step in range(1, 301)]
    assert loss_figure(records).axes[0].get_ylim()[1] < 200


def test_without_held_out_losses_training_alone_is_shown():
    total, *others = loss_figure([{'loss': 1.0, 'epoch': 1, 'step': 10}]).axes
    assert [curve.get_label() for curve in total.get_lines()] == ['training']
    for axes in others:
        assert [text.get_text() for text in axes.texts] == ['not logged']


def test_training_by_iteration_is_drawn_over_iterations():
    records = [{'loss': 2.0, 'step': 50}, {'val/loss': 3.0, 'step': 50}, {'loss': 1.0, 'step': 100}]
    figure = loss_figure(records)
    np.testing.assert_allclose(line(figure.axes[0], 'training'), [[50, 2], [100, 1]])
    assert figure.axes[3].get_xlabel() == 'iteration'


def test_diverged_losses_are_a_gap_and_no_error():
    records = [{'loss': 1.0, 'epoch': 1, 'step': 5}, {'loss': np.nan, 'epoch': 2, 'step': 10}]
    assert np.isnan(line(loss_figure(records).axes[0], 'training')[1, 1])


def test_epochs_end_where_their_last_iteration_is():
    length = 3 * (1 - 1e-12)  # a quotient that came out too small
    values = np.array([(step / length, step) for step in range(1, 7)])
    np.testing.assert_allclose(epoch_means(values)[:, 1], [2, 5])


# confusion matrix

METRICS = {
    'melanoma/precision': 0.43396,
    'melanoma/recall': 0.76667,
    'melanoma/f1': 0.5542,
    'melanoma/average_precision': None,
    'melanoma/auc': 0.81,
}


def two_classes(counts):
    return Confusion(('not melanoma', 'melanoma'), np.array(counts), np.zeros(2, int), 'melanoma')


def cells(figure):
    """Return (row, column) to text."""
    return {text.get_position()[::-1]: text.get_text() for text in figure.axes[0].texts}


def test_counts_and_shares_are_in_their_rows():
    figure = confusion_figure(two_classes([[90, 30], [7, 23]]), METRICS)
    assert cells(figure) == {
        (0, 0): '90\n75.0% of row',
        (0, 1): '30\n25.0% of row',
        (1, 0): '7\n23.3% of row',
        (1, 1): '23\n76.7% of row',
    }
    axes = figure.axes[0]
    assert [label.get_text() for label in axes.get_xticklabels()] == ['not melanoma', 'melanoma']
    rows = [label.get_text() for label in axes.get_yticklabels()]
    assert rows == ['not melanoma\n(120)', 'melanoma\n(30)']
    assert axes.get_xlabel().startswith('predicted')
    assert axes.get_ylabel().startswith('true')
    assert figure.get_suptitle() == (
        'melanoma: precision 0.434, recall 0.767, F1 0.554\n'
        'average precision –, AUC 0.810, precision at a recall of 0.76: –'
    )


def test_a_class_without_images_has_no_share():
    figure = confusion_figure(two_classes([[9, 1], [0, 0]]), METRICS)
    assert cells(figure)[1, 0] == '0\n0.0% of row'


SEVEN = ['akiec', 'bcc', 'bkl', 'df', 'mel', 'nv', 'vasc']


@pytest.mark.parametrize(
    ('classes', 'positive'),
    [(SEVEN, 'mel'), (['$a_b$', 'Näv us\\', 'плоский лишай'], None)],
    ids=['seven', 'odd names'],
)
@pytest.mark.filterwarnings('error')
def test_many_classes_are_in_their_rows(tmp_path, classes, positive):
    counts = np.random.default_rng(0).integers(0, 30, (len(classes), len(classes)))
    counts[2] = 0  # a class without images
    undetected = np.array([3, *[0] * (len(classes) - 1)])
    metrics = {'classes/balanced_accuracy': 0.5, 'classes/macro_auc': None, 'mel/auc': 0.75}
    figure = confusion_figure(Confusion(tuple(classes), counts, undetected, positive), metrics)
    axes = figure.axes[0]
    columns = [label.get_text() for label in axes.get_xticklabels()]
    assert columns == [*classes, 'no detection']
    found = cells(figure)
    assert len(found) == len(classes) * (len(classes) + 1)
    total = counts[0].sum() + 3
    assert axes.get_yticklabels()[0].get_text() == f'{classes[0]}\n({total})'
    assert found[0, len(classes)] == f'3\n{3 / total:.0%}'
    assert found[2, 0] == '0\n0%'
    title = figure.get_suptitle()
    assert f'{len(classes)} classes: accuracy –, balanced accuracy 0.500, macro AUC –' in title
    assert ('mel: ' in title) == (positive is not None)
    save_figure(figure, tmp_path / 'matrix.png')
    assert np.ptp(cv2.imread(str(tmp_path / 'matrix.png'))) > 200
