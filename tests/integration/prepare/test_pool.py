import multiprocessing
import os
import signal
from functools import partial

import pytest

from isic_mmdet.errors import InputError
from isic_mmdet.prepare.pool import run_calls

CALLS = [partial(pow, number, 2) for number in range(1000)]


def test_two_processes_give_what_one_gives() -> None:
    one = list(run_calls(CALLS, 1))
    assert one == [number * number for number in range(1000)]
    assert sorted(run_calls(CALLS, 2)) == one


def test_a_killed_worker_is_one_message() -> None:
    results = run_calls(CALLS * 100, 2)
    next(results)
    os.kill(multiprocessing.active_children()[0].pid, signal.SIGKILL)
    with pytest.raises(InputError, match='a worker process was killed'):
        list(results)


def test_stopping_early_ends_the_workers() -> None:
    before = set(multiprocessing.active_children())
    results = run_calls(CALLS, 2)
    next(results)
    results.close()
    assert set(multiprocessing.active_children()) <= before
