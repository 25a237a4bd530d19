import json

import pytest

from benchmarks.compare_losses import largest_difference


def write(folder, losses):
    folder.mkdir()
    rows = [{'step': step, 'loss': loss} for step, loss in losses.items()] + [
        {'step': 2, 'iou': 0.5}
    ]
    (folder / 'scalars.json').write_text(''.join(json.dumps(row) + '\n' for row in rows))
    return folder


def test_the_largest_relative_difference_is_returned(tmp_path):
    run = write(tmp_path / 'a', {1: 2.0, 2: 1.1})
    other = write(tmp_path / 'b', {1: 2.0, 2: 1.0})
    assert largest_difference(run, other) == pytest.approx(0.1)
    assert largest_difference(run, run) == 0


def test_trainings_of_other_steps_are_not_compared(tmp_path):
    run, other = write(tmp_path / 'a', {1: 2.0, 2: 1.1}), write(tmp_path / 'b', {1: 2.0})
    with pytest.raises(ValueError, match=r'logs the steps \[1, 2\]'):
        largest_difference(run, other)
