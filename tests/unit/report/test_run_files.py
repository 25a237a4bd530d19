"""The files of a run: reading, repeated parts of a log, the unit of time, damaged files."""

import json
import re

import numpy as np
import pytest

from isic_mmdet.errors import InputError
from isic_mmdet.report.run_files import TrainingLog, read_evaluation, read_log, summary
from tests.support.report_run import losses, make_run, training


@pytest.fixture
def run(tmp_path, tiny_data):
    return tmp_path / 'test', make_run(tmp_path / 'test', tiny_data)


def test_rows_are_read_as_they_were_written(run):
    folder, rows = run
    report, found = read_evaluation(folder)
    assert found == rows
    assert report['config'] == 'tiny_config'


def test_files_of_two_evaluations_are_refused(run):
    folder, _ = run
    metrics = json.loads((folder / 'metrics.json').read_text())
    metrics['metrics']['lesion/dice'] += 1e-4
    (folder / 'metrics.json').write_text(json.dumps(metrics))
    with pytest.raises(InputError, match='lesion/dice'):
        read_evaluation(folder)


@pytest.mark.parametrize('name', ['metrics.json', 'per_image.csv'])
def test_missing_file_is_named(run, name):
    (run[0] / name).unlink()
    with pytest.raises(InputError, match=name):
        read_evaluation(run[0])


def test_all_errors_of_the_table_are_listed(run):
    folder, rows = run
    path = folder / 'per_image.csv'
    twice, wrong = rows[3]['image_id'], rows[5]['image_id']
    text = path.read_text().replace(rows[4]['image_id'], twice)
    text = re.sub(f'{wrong},[^,]*', f'{wrong},nan', text)
    path.write_text(text.replace(',96,96\n', ',-5,96\n', 1))
    with pytest.raises(InputError, match=r'per_image\.csv: damaged') as caught:
        read_evaluation(folder)
    for error in (f'{twice} is there twice', 'line 7', "height is '-5'"):
        assert error in str(caught.value)


def test_summary_is_numpys():
    values = np.array([0.1, 0.4, 0.2, 0.9])
    assert summary(values) == pytest.approx(
        {'min': 0.1, 'Q1': 0.175, 'median': 0.3, 'Q3': 0.525, 'max': 0.9, 'mean': 0.4}
    )


@pytest.mark.parametrize('held_out_first', [False, True])
def test_a_resumed_training_replaces_the_held_out_losses_too(held_out_first):
    """Held-out losses come with every iteration, those of the training with every fifth."""

    def part(first, last, scale):
        for step in range(first, last + 1):
            records = [losses('val/', step, scale)]
            if step % 5 == 0:
                records.insert(held_out_first, training(step, scale))
            yield from records
            if step % 10 == 0:
                yield {'lesion/iou': scale, 'step': step // 10}

    log = TrainingLog.of([*part(1, 27, 1.0), *part(21, 40, 2.0)])
    assert log.records == [*part(1, 20, 1.0), *part(21, 40, 2.0)]


def test_a_repeated_iteration_replaces_the_earlier_one_and_what_follows():
    old, new, held_out = training(20), training(20, 2.0), losses('val/', 20)
    for records, kept in (
        ([training(10), old, new], [training(10), new]),
        ([old, held_out], [old, held_out]),  # one iteration, two kinds of losses
        ([old, held_out, new], [new]),
        (
            [training(10), {'lesion/iou': 0.5, 'step': 1}, old, training(10, 2.0)],
            [training(10, 2.0)],
        ),
    ):
        assert TrainingLog.of(records).records == kept


@pytest.mark.parametrize(
    ('records', 'unit', 'length'),
    [
        ([training(8), losses('val/', 10)], 'epoch', 10),
        ([training(5), training(10), training(25)], 'epoch', 10),
        ([{'loss': 1.0, 'step': 7}], 'iteration', 1),
        ([], 'iteration', 1),
    ],
)
def test_time_is_counted_in_epochs_if_they_were_logged(records, unit, length):
    log = TrainingLog.of(records)
    assert (log.unit, log.length) == (unit, length)


@pytest.mark.parametrize(
    'line',
    [
        '[]',
        '{"loss": "low", "step": 1}',
        '{"loss": 1.0}',
        '{"loss": 1.0, "step": -1}',
        '{"loss": 1.0, "step": 0.5}',
        '{"loss": 1.0, "step": true}',
        '{"loss": 0.9, "st',
        '[' * 100_000,
    ],
)
def test_damaged_lines_of_a_log_are_named(tmp_path, line):
    path = tmp_path / 'scalars.json'
    path.write_text('{"loss": 1.0, "epoch": 1, "iter": 5, "step": 5}\n' + line + '\n')
    with pytest.raises(InputError, match=r'scalars\.json, line 2: .*remove the damaged line'):
        read_log(path)


def test_a_log_that_is_not_text_is_refused(tmp_path):
    (tmp_path / 'scalars.json').write_bytes(b'\xff\xfe')
    with pytest.raises(InputError, match=r'scalars\.json: cannot be read'):
        read_log(tmp_path / 'scalars.json')
