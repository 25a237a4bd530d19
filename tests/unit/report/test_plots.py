"""Figures: that they show the numbers of the files, and refuse files that have none."""

import csv
import json

import cv2
import numpy as np
import pytest
from matplotlib.colors import to_rgb

from isic_mmdet.errors import InputError
from isic_mmdet.report.plots import RULE_COLOURS, iou_box_plot, training_curves
from isic_mmdet.report.run_files import RULES, read_per_image, read_scalars, summary


@pytest.fixture
def per_image(tmp_path):
    rng = np.random.default_rng(0)
    path = tmp_path / 'per_image.csv'
    with path.open('w', newline='') as file:
        writer = csv.writer(file)
        writer.writerow(['image_id', 'iou', 'iou_max', 'score', 'detections'])
        for number, iou in enumerate(rng.beta(8, 2, 30)):
            writer.writerow([f'ISIC_{number:07d}', iou, min(1, iou + 0.05), 0.9, 2])
        writer.writerow(['ISIC_0000030', 0.0, 0.0, '', 0])
    return path


def write_scalars(path, *parts):
    """Write epochs of 10 iterations, logged every fifth; each part is (first, last, offset)."""
    with path.open('a') as file:
        for first, last, offset in parts:
            for epoch in range(first, last + 1):
                for step in (epoch * 10 - 5, epoch * 10):
                    loss = offset + 1 / step
                    record = {'loss': loss, 'loss_mask': loss / 2, 'epoch': epoch, 'step': step}
                    file.write(json.dumps({**record, 'lr': 0.01, 'acc': 99.0, 'iter': step}) + '\n')
                scores = {'lesion/iou': offset + epoch / 100, 'lesion/iou_max': 0.9, 'step': epoch}
                file.write(json.dumps(scores) + '\n')
    return path


def line(axes, label):
    (found,) = [line for line in axes.get_lines() if line.get_label() == label]
    return found.get_xydata()


def test_box_plot_shows_both_rules_with_numpys_quartiles(per_image, tmp_path):
    figure = iou_box_plot(per_image, tmp_path / 'plots' / 'box.png')
    (axes,) = figure.axes
    columns = read_per_image(per_image)
    texts = [text.get_text() for text in axes.texts]
    for position, rule in enumerate(RULES):
        points = axes.collections[position].get_offsets()
        np.testing.assert_array_equal(points[:, 1], columns[rule])
        q1, median, q3 = np.percentile(columns[rule], [25, 50, 75])
        numbers = (
            f'Q3 {q3:.3f}\nmedian {median:.3f}\nQ1 {q1:.3f}\n◇ mean {columns[rule].mean():.3f}'
        )
        assert numbers in texts
        heights = [line.get_ydata() for line in axes.get_lines()]
        assert any(np.allclose(height, median) for height in heights)
    assert any(np.allclose(line.get_ydata(), 0.65) for line in axes.get_lines())
    assert axes.get_title() == '31 images, 1 without a detection (IoU 0)'
    assert 'Jaccard' in axes.get_ylabel()


def test_box_plot_png_has_both_colors_and_is_the_same_every_time(per_image, tmp_path):
    for name in 'ab':
        iou_box_plot(per_image, tmp_path / f'{name}.png')
    image = cv2.imread(str(tmp_path / 'a.png'))
    assert image.shape[1] >= 800
    for color in RULE_COLOURS.values():
        blue_green_red = np.round(np.array(to_rgb(color))[::-1] * 255)
        assert (np.abs(image - blue_green_red).max(axis=2) < 3).sum() > 500
    np.testing.assert_array_equal(image, cv2.imread(str(tmp_path / 'b.png')))
    assert sorted(path.name for path in tmp_path.iterdir()) == ['a.png', 'b.png', 'per_image.csv']


def test_box_plot_of_a_single_image(tmp_path):
    path = tmp_path / 'per_image.csv'
    path.write_text('image_id,iou,iou_max,detections\nISIC_0000000,0.0,0.0,0\n')
    figure = iou_box_plot(path, tmp_path / 'box.png')
    assert figure.axes[0].get_title().startswith('1 images, 1 without')


def test_summary_is_numpys():
    values = np.array([0.1, 0.4, 0.2, 0.9])
    assert summary(values) == pytest.approx(
        {'min': 0.1, 'Q1': 0.175, 'median': 0.3, 'Q3': 0.525, 'max': 0.9, 'mean': 0.4}
    )


@pytest.mark.parametrize(
    ('content', 'fault'),
    [
        (None, 'cannot be read'),
        ('', 'no rows'),
        ('image_id,iou,iou_max,detections\n', 'no rows'),
        ('image_id,iou\nISIC_0000000,0.5\n', 'lacks the columns detections, iou_max'),
        ('image_id,iou,iou_max,detections\nISIC_0000000,,0.5,1\n', 'damaged'),
        ('image_id,iou,iou_max,detections\nISIC_0000000,0.5\n', 'damaged'),
    ],
)
def test_unfit_per_image_files_are_refused(tmp_path, content, fault):
    path = tmp_path / 'per_image.csv'
    if content is not None:
        path.write_text(content)
    with pytest.raises(InputError, match=fault) as caught:
        iou_box_plot(path, tmp_path / 'box.png')
    assert str(path) in str(caught.value)
    assert not (tmp_path / 'box.png').exists()


def test_curves_show_what_was_logged_by_epoch(tmp_path):
    scalars = write_scalars(tmp_path / 'scalars.json', (1, 3, 0.5))
    losses, scores = training_curves([scalars], tmp_path / 'curves.png').axes
    total = line(losses, 'total')
    np.testing.assert_allclose(total[:, 0], [0.5, 1, 1.5, 2, 2.5, 3])
    np.testing.assert_allclose(total[:, 1], [0.5 + 1 / step for step in range(5, 31, 5)])
    np.testing.assert_allclose(line(losses, 'mask')[:, 1], total[:, 1] / 2)
    np.testing.assert_allclose(
        line(scores, 'IoU, highest score'), [[1, 0.51], [2, 0.52], [3, 0.53]]
    )
    assert 'best IoU 0.530, epoch 3' in scores.get_title()
    assert losses.get_xlabel() == scores.get_xlabel() == 'epoch'
    assert cv2.imread(str(tmp_path / 'curves.png')).shape[1] >= 800


def test_resumed_runs_replace_what_they_repeat(tmp_path):
    first = write_scalars(tmp_path / 'first.json', (1, 3, 0.5))
    second = write_scalars(tmp_path / 'second.json', (3, 4, 0.7))
    together = write_scalars(tmp_path / 'together.json', (1, 3, 0.5), (3, 4, 0.7))
    for files in ([first, second], [together]):
        losses, scores = training_curves(files, tmp_path / 'curves.png').axes
        np.testing.assert_allclose(line(losses, 'total')[:, 0], np.arange(0.5, 4.1, 0.5))
        np.testing.assert_allclose(
            line(scores, 'IoU, highest score')[:, 1], [0.51, 0.52, 0.73, 0.74]
        )


def test_run_that_started_over_leaves_nothing_of_the_old_one(tmp_path):
    scalars = write_scalars(tmp_path / 'scalars.json', (1, 5, 0.5), (1, 2, 0.7))
    losses, scores = training_curves([scalars], tmp_path / 'curves.png').axes
    assert line(losses, 'total')[:, 0].max() == 2
    np.testing.assert_allclose(line(scores, 'IoU, highest score')[:, 1], [0.71, 0.72])


@pytest.mark.parametrize(('epochs', 'last'), [(1, 1), (3, 2 + 2 / 3)])
def test_epochs_fit_although_the_log_is_coarse(tmp_path, epochs, last):
    scalars = tmp_path / 'scalars.json'
    with scalars.open('w') as file:
        for epoch in range(1, epochs + 1):  # 30 iterations each, the 20th is logged
            step = (epoch - 1) * 30 + 20
            file.write(json.dumps({'loss': 1.0, 'epoch': epoch, 'step': step}) + '\n')
            file.write(json.dumps({'lesion/iou': 0.5, 'step': epoch}) + '\n')
    losses, scores = training_curves([scalars], tmp_path / 'curves.png').axes
    assert line(losses, 'total')[-1, 0] == pytest.approx(last)
    assert losses.get_xlim() == scores.get_xlim()
    assert losses.get_xlim()[0] == 0
    assert losses.get_xlim()[1] > epochs, 'the last validation is in sight'


def test_curves_by_iteration_and_without_validation(tmp_path):
    scalars = tmp_path / 'scalars.json'
    scalars.write_text('{"loss": 2.0, "step": 50}\n{"loss": 1.0, "step": 100}\n')
    (losses,) = training_curves([scalars], tmp_path / 'curves.png').axes
    np.testing.assert_allclose(line(losses, 'total'), [[50, 2], [100, 1]])
    assert losses.get_xlabel() == 'iteration'


@pytest.mark.parametrize(
    ('content', 'fault'),
    [
        (None, 'cannot be read'),
        ('', 'neither losses nor lesion scores'),
        ('{"lr": 0.1, "step": 1}\n', 'neither losses nor lesion scores'),
        ('{"loss": 1.0, "step": 1}\n{"loss": 0.9, "st', 'line 2: not JSON'),
    ],
)
def test_unfit_scalars_are_refused(tmp_path, content, fault):
    path = tmp_path / 'scalars.json'
    if content is not None:
        path.write_text(content)
    with pytest.raises(InputError, match=fault) as caught:
        training_curves([path], tmp_path / 'curves.png')
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    'content',
    [
        b'image_id,iou,iou_max,detections\na,nan,0.5,1\n',
        b'image_id,iou,iou_max,detections\na,0.5,1.5,1\n',
        b'image_id,iou,iou_max,detections\na,0.5,0.5,-1\n',
        b'image_id,iou,iou_max,detections\na,0.5,inf,1\n',
        'image_id,iou,iou_max,detections\na,0.5,0.5,1\n'.encode('utf-32'),
        b'iou,iou_max,detections\n"' + b'x' * 200_000,
    ],
)
def test_values_that_make_no_sense_are_refused(tmp_path, content):
    (tmp_path / 'per_image.csv').write_bytes(content)
    with pytest.raises(InputError, match=r'per_image\.csv.*(write|save) it again'):
        read_per_image(tmp_path / 'per_image.csv')


@pytest.mark.parametrize(
    'line',
    [
        '[]',
        '{"loss": "low", "step": 1}',
        '{"loss": 1.0}',
        '{"loss": 1.0, "step": -1}',
        '{"loss": 1.0, "step": 0.5}',
        '{"loss": 1.0, "step": true}',
        '[' * 100_000,
    ],
)
def test_lines_of_a_log_that_make_no_sense_are_named(tmp_path, line):
    path = tmp_path / 'scalars.json'
    path.write_text('{"loss": 1.0, "epoch": 1, "iter": 5, "step": 5}\n' + line + '\n')
    with pytest.raises(InputError, match=r'scalars\.json, line 2: .*remove the damaged line'):
        read_scalars(path)
