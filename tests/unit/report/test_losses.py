"""The figure of all losses: each value in its panel, means per epoch, void parts of a run."""

import json

import cv2
import numpy as np
import pytest

from isic_mmdet.errors import InputError
from isic_mmdet.report.losses import epoch_means, loss_curves
from isic_mmdet.report.plots import LOSSES
from isic_mmdet.report.run_files import continued, time_unit

LENGTH = 10  # iterations of an epoch


def losses(prefix, step, scale=1.0, **more):
    """Return a record whose losses tell prefix, kind and step apart."""
    values = {
        f'{prefix}{key}': scale * (number + 1 + 1 / step) for number, key in enumerate(LOSSES)
    }
    return {**values, 'step': step, **more}


def training(step, scale=1.0):
    return losses('', step, scale, epoch=(step - 1) // LENGTH + 1, iter=step, lr=0.01)


def write(path, records):
    path.write_text(''.join(json.dumps(record) + '\n' for record in records))
    return path


def curve(axes, label):
    (found,) = [line for line in axes.get_lines() if line.get_label() == label]
    return found.get_xydata()


def raw(axes):
    """Return the light lines, those without a label."""
    return [line.get_xydata() for line in axes.get_lines() if line.get_label().startswith('_')]


def test_each_loss_has_a_panel_with_training_and_held_out_values(tmp_path):
    records = []
    for epoch in (1, 2, 3):
        records += [training(epoch * 10 - 5), training(epoch * 10)]
        records += [losses('val/', epoch * 10, 2.0), {'lesion/iou': 0.5, 'step': epoch}]
    path = write(tmp_path / 'scalars.json', records)
    figure = loss_curves([path], tmp_path / 'plots' / 'losses.png')
    assert [axes.get_title() for axes in figure.axes] == [
        f'{name} loss' for name, _ in LOSSES.values()
    ]
    for number, axes in enumerate(figure.axes, 1):
        np.testing.assert_allclose(
            curve(axes, 'validation'), [[e, 2 * (number + 1 / (10 * e))] for e in (1, 2, 3)]
        )
        means = [[e - 0.25, number + (1 / (10 * e - 5) + 1 / (10 * e)) / 2] for e in (1, 2, 3)]
        np.testing.assert_allclose(curve(axes, 'training'), means)
        (single,) = raw(axes)
        np.testing.assert_allclose(single[:, 0], [0.5, 1, 1.5, 2, 2.5, 3])
        labels = [text.get_text() for text in axes.get_legend().get_texts()]
        assert labels == ['training', 'validation']
        assert axes.get_ylim()[0] == 0
        assert axes.get_ylim()[1] > curve(axes, 'validation')[:, 1].max()
    assert {axes.get_xlabel() for axes in figure.axes[3:]} == {'epoch'}
    assert cv2.imread(str(tmp_path / 'plots' / 'losses.png')).shape[1] >= 1200


def test_losses_of_every_iteration_get_means_and_light_lines(tmp_path):
    records = [record for s in range(1, 31) for record in (training(s), losses('test/', s, 3.0))]
    path = write(tmp_path / 'scalars.json', records)
    axes = loss_curves([path], tmp_path / 'losses.png').axes[0]
    values = 3 * (1 + 1 / np.arange(1, 31)).reshape(3, 10)
    np.testing.assert_allclose(curve(axes, 'test')[:, 1], values.mean(axis=1))
    np.testing.assert_allclose(curve(axes, 'test')[:, 0], [0.55, 1.55, 2.55])
    assert [len(line) for line in raw(axes)] == [30, 30]


def test_one_spike_does_not_flatten_the_curves(tmp_path):
    records = [training(step, 1000.0 if step == 7 else 1.0) for step in range(1, 301)]
    path = write(tmp_path / 'scalars.json', records)
    axes = loss_curves([path], tmp_path / 'losses.png').axes[0]
    assert axes.get_ylim()[1] < 200


def test_without_held_out_losses_training_alone_is_shown(tmp_path):
    path = write(tmp_path / 'scalars.json', [{'loss': 1.0, 'epoch': 1, 'step': 10}])
    total, *others = loss_curves([path], tmp_path / 'losses.png').axes
    assert [line.get_label() for line in total.get_lines()] == ['training']
    for axes in others:
        assert [text.get_text() for text in axes.texts] == ['not logged']


def test_training_by_iteration_is_drawn_over_iterations(tmp_path):
    path = write(
        tmp_path / 'scalars.json',
        [{'loss': 2.0, 'step': 50}, {'val/loss': 3.0, 'step': 50}, {'loss': 1.0, 'step': 100}],
    )
    figure = loss_curves([path], tmp_path / 'losses.png')
    np.testing.assert_allclose(curve(figure.axes[0], 'training'), [[50, 2], [100, 1]])
    assert figure.axes[3].get_xlabel() == 'iteration'


def test_diverged_losses_are_a_gap_and_no_error(tmp_path):
    path = tmp_path / 'scalars.json'
    path.write_text('{"loss": 1.0, "epoch": 1, "step": 5}\n{"loss": NaN, "epoch": 2, "step": 10}\n')
    axes = loss_curves([path], tmp_path / 'losses.png').axes[0]
    assert np.isnan(curve(axes, 'training')[1, 1])


def test_log_without_losses_is_refused(tmp_path):
    path = write(tmp_path / 'scalars.json', [{'lesion/iou': 0.5, 'step': 1}])
    with pytest.raises(InputError, match='no losses'):
        loss_curves([path], tmp_path / 'losses.png')
    assert not (tmp_path / 'losses.png').exists()


def test_epochs_end_where_their_last_iteration_is():
    length = 3 * (1 - 1e-12)  # a quotient that came out too small
    values = np.array([(step / length, step) for step in range(1, 7)])
    np.testing.assert_allclose(epoch_means(values)[:, 1], [2, 5])


@pytest.mark.parametrize('held_out_first', [False, True])
def test_resumption_makes_the_held_out_losses_void_too(held_out_first):
    """Held-out losses come with every iteration, those of the training with every fifth."""

    def part(first, last, scale):
        for step in range(first, last + 1):
            records = [losses('val/', step, scale)]
            if step % 5 == 0:
                records.insert(held_out_first, training(step, scale))
            yield from records
            if step % LENGTH == 0:
                yield {'lesion/iou': scale, 'step': step // LENGTH}

    records = continued([*part(1, 27, 1.0), *part(21, 40, 2.0)])
    assert records == [*part(1, 20, 1.0), *part(21, 40, 2.0)]


def test_length_of_a_single_epoch_reaches_to_its_held_out_losses():
    records = [training(8), losses('val/', 10)]
    assert time_unit(records) == ('epoch', 10)


def test_repeated_last_iteration_replaces_the_earlier_one():
    old, new = training(20), training(20, 2.0)
    assert continued([training(10), old, new]) == [training(10), new]
    held_out = losses('val/', 20)
    assert continued([old, held_out]) == [old, held_out], 'one iteration, two kinds of losses'
    assert continued([old, held_out, new]) == [new]
