import multiprocessing
import os
import signal
from pathlib import Path

import pytest
from official_files import Official, isic, lesion, png

from isic_mmdet.challenge.layouts import Pair, find_pairs, scan
from isic_mmdet.challenge.pool import available_cores, convert_pairs
from isic_mmdet.challenge.resize import parse_rule
from isic_mmdet.errors import InputError

NONE = parse_rule('none')


@pytest.fixture
def pairs(tmp_path: Path) -> list[Pair]:
    official = Official(tmp_path / 'raw')
    official.add(*range(1, 6))
    official.add(6, mask=png(lesion() * 0))
    return list(find_pairs(scan(2018, [official.root]))[0].values())


def test_two_processes_give_what_one_gives(pairs: list[Pair], tmp_path: Path) -> None:
    one = list(convert_pairs(pairs, NONE, tmp_path / 'one', 1))
    two = list(convert_pairs(pairs, NONE, tmp_path / 'two', 2))
    assert sorted(two, key=lambda result: result.isic_id) == one
    assert [result.isic_id for result in one] == [isic(number) for number in range(1, 7)]


def test_a_killed_worker_is_one_message(pairs: list[Pair], tmp_path: Path) -> None:
    results = convert_pairs(pairs * 400, NONE, tmp_path / 'out', 2)
    next(results)
    worker = multiprocessing.active_children()[0]
    os.kill(worker.pid, signal.SIGKILL)
    with pytest.raises(InputError, match='a worker process was killed'):
        list(results)


def test_stopping_early_ends_the_workers(pairs: list[Pair], tmp_path: Path) -> None:
    before = set(multiprocessing.active_children())
    results = convert_pairs(pairs * 400, NONE, tmp_path / 'out', 2)
    next(results)
    results.close()
    assert set(multiprocessing.active_children()) <= before


def test_at_least_one_core() -> None:
    assert 1 <= available_cores() <= (os.cpu_count() or 1)
