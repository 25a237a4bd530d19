"""Tools that are killed and run again, against ones that were left alone."""

import signal
from collections import Counter
from pathlib import Path

import pytest
from disk_faults import Disk

KILLED = -signal.SIGKILL
SURVIVED: Counter[str] = Counter()


@pytest.fixture(scope='module', autouse=True)
def told():
    """Say how many kills there were (`pytest -s`)."""
    yield
    print('\nkills survived:', dict(SURVIVED))


def kill_at(job, out: Path, step: int, begun: bool) -> bool:
    """Run a job and kill it at a step; return whether it came that far."""
    arguments = [*job.arguments(out), *(job.again if begun else ())]
    ended = job.tool(*arguments, before=Disk(out, kill_at=step))
    assert ended.status in {0, KILLED}, ended.printed
    assert job.torn_in(out) == []
    SURVIVED[job.tool.name] += ended.status == KILLED
    return ended.status == KILLED


def test_kills_one_after_the_other_change_nothing(job, generator, tmp_path):
    out = tmp_path / 'out'
    job.set_up(out)
    kills = [kill_at(job, out, generator.randrange(job.steps), begun) for begun in (False, True)]
    assert any(kills)
    job.finish(out)


def test_kills_at_random_times_change_nothing(job, generator, tmp_path):
    out = tmp_path / 'out'
    job.set_up(out)
    for begun in (False, True):
        arguments = [*job.arguments(out), *(job.again if begun else ())]
        ended = job.tool.start(*arguments).kill_in(generator.uniform(0, job.seconds))
        assert job.torn_in(out) == []
        assert ended.status in {0, KILLED}, ended.printed
        SURVIVED[job.tool.name] += ended.status == KILLED
    job.finish(out)


@pytest.mark.slow
def test_a_kill_at_any_step_changes_nothing(job, generator, tmp_path):
    for step in generator.sample(range(job.steps), min(job.steps, 25)):
        out = tmp_path / f'{step}'
        job.set_up(out)
        kill_at(job, out, step, begun=False)
        job.finish(out)
