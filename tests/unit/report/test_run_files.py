"""The log of a training: void parts, the unit of time, damaged lines."""

import numpy as np
import pytest

from isic_mmdet.errors import InputError
from isic_mmdet.report.run_files import continued, read_scalars, summary, time_unit

LENGTH = 10  # iterations of an epoch
LOSSES = ('loss', 'loss_rpn_cls', 'loss_rpn_bbox', 'loss_cls', 'loss_bbox', 'loss_mask')


def losses(prefix, step, scale=1.0, **more):
    """Return a record whose losses tell prefix, kind and step apart."""
    values = {
        f'{prefix}{key}': scale * (number + 1 + 1 / step) for number, key in enumerate(LOSSES)
    }
    return {**values, 'step': step, **more}


def training(step, scale=1.0):
    return losses('', step, scale, epoch=(step - 1) // LENGTH + 1, iter=step, lr=0.01)


def test_summary_is_numpys():
    values = np.array([0.1, 0.4, 0.2, 0.9])
    assert summary(values) == pytest.approx(
        {'min': 0.1, 'Q1': 0.175, 'median': 0.3, 'Q3': 0.525, 'max': 0.9, 'mean': 0.4}
    )


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


@pytest.mark.parametrize(
    ('content', 'problem'),
    [(None, 'cannot be read'), ('{"loss": 1.0, "step": 1}\n{"loss": 0.9, "st', 'line 2: not JSON')],
)
def test_a_missing_or_truncated_log_is_refused(tmp_path, content, problem):
    path = tmp_path / 'scalars.json'
    if content is not None:
        path.write_text(content)
    with pytest.raises(InputError, match=problem) as caught:
        read_scalars(path)
    assert str(path) in str(caught.value)
