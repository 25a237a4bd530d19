import multiprocessing
import os
import signal
from functools import partial
from pathlib import Path

import pytest

from isic_mmdet.errors import InputError
from isic_mmdet.isic.layouts import Pair, find_pairs, scan
from isic_mmdet.isic.prepare.pairs import convert_pair
from isic_mmdet.isic.prepare.pool import Job, run_jobs
from isic_mmdet.masks.resize import parse_rule
from tests.support.official_files import Official, isic, lesion, png

NONE = parse_rule('none')


@pytest.fixture
def pairs(tmp_path: Path) -> list[Pair]:
    official = Official(tmp_path / 'raw')
    official.add(*range(1, 6))
    official.add(6, mask=png(lesion() * 0))
    return list(find_pairs(scan(2018, [official.root]))[0].values())


def jobs(pairs: list[Pair], out: Path) -> list[Job]:
    return [Job(pair.isic_id, '', partial(convert_pair, pair, NONE, 129, out)) for pair in pairs]


def test_two_processes_give_what_one_gives(pairs: list[Pair], tmp_path: Path) -> None:
    one = list(run_jobs(jobs(pairs, tmp_path / 'one'), 1))
    two = list(run_jobs(jobs(pairs, tmp_path / 'two'), 2))
    assert sorted(two, key=lambda result: result.isic_id) == one
    assert [result.isic_id for result in one] == [isic(number) for number in range(1, 7)]


def test_a_killed_worker_is_one_message(pairs: list[Pair], tmp_path: Path) -> None:
    results = run_jobs(jobs(pairs * 400, tmp_path / 'out'), 2)
    next(results)
    worker = multiprocessing.active_children()[0]
    os.kill(worker.pid, signal.SIGKILL)
    with pytest.raises(InputError, match='a worker process was killed'):
        list(results)


def test_stopping_early_ends_the_workers(pairs: list[Pair], tmp_path: Path) -> None:
    before = set(multiprocessing.active_children())
    results = run_jobs(jobs(pairs * 400, tmp_path / 'out'), 2)
    next(results)
    results.close()
    assert set(multiprocessing.active_children()) <= before
