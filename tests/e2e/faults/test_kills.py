"""Tools that are killed and run again, against ones that were left alone."""

import signal
from pathlib import Path

import pytest

from tests.support.disk_faults import Disk

KILLED = -signal.SIGKILL


def kill_at(job, out: Path, step: int, begun: bool) -> bool:
    """Run a job and kill it at a step; return whether it came that far."""
    arguments = [*job.arguments(out), *(job.again if begun else ())]
    ended = job.tool(*arguments, before=Disk(out, kill_at=step))
    assert ended.status in {0, KILLED}, ended.printed
    assert job.truncated_in(out) == []
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
        assert job.truncated_in(out) == []
        assert ended.status in {0, KILLED}, ended.printed
    job.finish(out)


@pytest.mark.slow
def test_a_kill_at_any_step_changes_nothing(job, generator, figure, tmp_path):
    steps = generator.sample(range(job.steps), min(job.steps, 25))
    kills = 0
    for step in steps:
        out = tmp_path / f'{step}'
        job.set_up(out)
        kills += kill_at(job, out, step, begun=False)
        job.finish(out)
    figure(
        f'`{job.tool.name}` killed (`kill -9`) while it opens, writes, moves or removes a file, '
        'then run again',
        f'{kills} kills; every file equal to that of a run left alone, none left over',
    )
