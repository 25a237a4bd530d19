"""An archive predicted by eight processes, any of which are killed, against one left alone."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.disk_faults import Disk, Tool
from tests.support.random_model import NARROW
from tests.support.tool_jobs import Job
from tests.support.waiting import wait_until

SHARDS = 8
OTHER_ENDED = 'another of the 8 processes has ended'


@pytest.fixture(scope='module')
def archive_job(root, checkpoint, tiny_data, tmp_path_factory):
    """Eighteen images in nine batches."""

    def arguments(out: Path) -> list:
        model = ['--config', NARROW, '--checkpoint', checkpoint]
        more = ['--device', 'cpu', '--batch-size', 2, '--submission', out / 'sent.zip']
        return [tiny_data / 'images', *model, *more, '--out', out]

    job = Job(Tool(root, 'predict.py'), arguments, ('--resume',))
    return job.measure(tmp_path_factory.mktemp('archive'))


@pytest.mark.parametrize('second', [0, pytest.param(2, marks=pytest.mark.slow)])
def test_eight_shards_equal_one_whoever_is_killed(archive_job, generator, second, figure, tmp_path):
    out = tmp_path / 'out'
    first = generator.sample(range(SHARDS), 4)
    rounds = [first]
    if second:
        rounds.append(generator.sample(first, second))  # the others have done all of theirs
    begun: list[str] = []
    kills = 0
    for ranks in rounds:
        killed = {rank: generator.randrange(1, 5) for rank in ranks}
        ended = archive_job.tool.group(
            SHARDS,
            *(*archive_job.arguments(out), *begun),
            before=lambda rank, killed=killed: Disk(out, kill_at=killed.get(rank)),
        )
        begun = ['--resume']
        assert any(shard.status == -signal.SIGKILL for shard in ended)
        for rank, shard in enumerate(ended):
            if rank in killed and shard.status == -signal.SIGKILL:
                kills += 1
                continue
            assert shard.status == 1, shard.printed
            assert 'Traceback' not in shard.printed
            assert shard.printed.count('error: ') == 1
            assert OTHER_ENDED in shard.printed
        assert archive_job.truncated_in(out) == []
    assert kills
    last = archive_job.tool.group(SHARDS, *archive_job.arguments(out), '--resume')
    assert [shard.status for shard in last] == [0] * SHARDS, [shard.printed for shard in last]
    assert archive_job.left_in(out) == archive_job.expected
    figure(
        f'18 images predicted by {SHARDS} processes, some killed, all started again',
        f'{kills} killed in {len(rounds)} rounds; masks, table and submission equal those of one '
        'process',
    )


@pytest.mark.slow
def test_torchrun_starts_killed_shards_again_by_itself(root, archive_job, figure, tmp_path):
    out = tmp_path / 'out'
    start = ['-m', 'torch.distributed.run', '--standalone', '--nproc-per-node', '3']
    start += ['--max-restarts', '2', root / 'tools/predict.py']
    arguments = [*archive_job.arguments(out), '--launcher', 'pytorch', '--resume']
    environment = {'OMP_NUM_THREADS': '1', 'CUDA_VISIBLE_DEVICES': ''}
    environment['TORCH_DISABLE_SHARE_RDZV_TCP_STORE'] = '1'
    with (tmp_path / 'log').open('w+') as log:
        agent = subprocess.Popen(
            [str(part) for part in (sys.executable, *start, *arguments)],
            env=os.environ | environment,
            stdout=log,
            stderr=log,
        )
        killed = 0
        table = out / '.predictions.1.csv'
        wait_until(lambda: table.is_file() or agent.poll() is not None, 200)
        if agent.poll() is None:
            killed = children(agent.pid)[1]
            os.kill(killed, signal.SIGKILL)
        agent.wait()
        log.seek(0)
        assert agent.returncode == 0, log.read()[-3000:]
    assert killed
    assert archive_job.left_in(out) == archive_job.expected
    figure(
        'one of 3 processes of torchrun with `--max-restarts` killed while it predicts',
        'started again by torchrun; masks, table and submission equal those of one process',
    )


def children(pid: int) -> list[int]:
    """Return the processes that a process has started, in their order."""
    return sorted(map(int, Path(f'/proc/{pid}/task/{pid}/children').read_text().split()))
