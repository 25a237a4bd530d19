import os
import signal

import numpy as np
import pytest

from benchmarks import harness
from benchmarks.harness import Worker, WorkerError, interleaved, medians, row
from isic_mmdet.errors import InputError


def worker_function(first):
    """Return, in a process, what answers the questions of these tests."""

    def answer(question):
        if question == 'wait':
            signal.pause()
        if question == 'fail':
            raise ValueError('it failed')
        if question == 'exit':
            os._exit(3)
        return first, question, os.getpid()

    if first == 'never':
        raise ValueError('no model')
    return answer


def test_a_worker_answers_from_its_own_process():
    worker = Worker(worker_function, 'a')
    assert worker.ask('b') == ('a', 'b', worker.pid)
    assert worker.pid != os.getpid()
    assert harness.resident_mb(worker.pid) > 5
    worker.close()
    assert harness.resident_mb(worker.pid) == 0


@pytest.mark.parametrize(
    ('question', 'message'),
    [('fail', 'it failed'), ('exit', 'status 3'), ('wait', 'not finished in 5 s')],
)
def test_a_worker_without_an_answer_is_an_error(question, message):
    worker = Worker(worker_function, 'a', limit=5)
    with pytest.raises(WorkerError, match=message):
        worker.ask(question)
    worker.close()


def test_a_worker_that_does_not_start_is_an_error():
    with pytest.raises(WorkerError, match='no model'):
        Worker(worker_function, 'never')


def test_a_command_that_fails_is_an_error():
    assert harness.run_python('-c', 'print(1)') == '1\n'
    failing = '-c', 'raise SystemExit("no model")'
    with pytest.raises(InputError, match='failed') as error:
        harness.run_python(*failing)
    assert error.value.errors == ['no model']
    with pytest.raises(InputError, match='failed') as error:
        list(harness.watch_python(*failing, seconds=0.01))
    assert error.value.errors == ['no model']


def test_the_peak_of_a_command_is_its_own():
    held = np.ones(400_000_000, np.uint8)  # the command does not use it
    code = 'held = bytearray(150_000_000); del held; input()'
    peaks = []
    for process in harness.watch_python('-c', code.replace('input()', ''), seconds=0.001):
        peaks.append(harness.peak_mb(process.pid))
    assert held.size == 400_000_000
    assert 150 < max(peaks) < 250


def test_ways_alternate_and_warm_ups_do_not_count(monkeypatch):
    rounds = []
    clock = iter(range(100))
    monkeypatch.setattr(harness.time, 'perf_counter', lambda: next(clock))
    ways = {'a': lambda: rounds.append('a'), 'b': lambda: rounds.append('b')}
    assert interleaved(ways, repeats=3) == {'a': [1, 1, 1], 'b': [1, 1, 1]}
    assert rounds == ['a', 'b'] * 4
    assert medians({'a': [1.0, 9.0, 2.0], 'b': [4.0]}) == {'a': 2.0, 'b': 4.0}


def test_a_baseline_is_compared_by_speed_and_a_lower_bound_by_time():
    baseline = row('a step', 0.5, 'baseline', 2.0, at_least=4.5)
    assert (baseline['ratio'], baseline['met']) == (4.0, False)
    bound = row('a step', 0.5, 'bound', 0.4, at_most=1.5)
    assert (bound['ratio'], bound['met']) == (1.25, True)
    assert row('rate', 4.0, 'baseline', 2.0, 'per_s')['ratio'] == 2
    unfinished = row('a step', 0.5, 'baseline', None)
    assert unfinished['ratio'] is None and 'met' not in unfinished


def test_a_missing_official_scorer_is_reported(monkeypatch):
    assert harness.without_official_scorer() is None
    monkeypatch.setattr(harness, 'find_spec', lambda name: None)
    assert 'requirements-dev.txt' in harness.without_official_scorer()
