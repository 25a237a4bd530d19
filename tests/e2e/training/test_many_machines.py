"""Two agents of torchrun on one machine, as on two machines: one of them is lost."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from isic_mmdet.engine.train.checkpoints import newest_checkpoint
from tests.support.waiting import wait_until

pytestmark = pytest.mark.timeout(900)

EPOCHS = 4
OPTIONS = [
    f'train_cfg.max_epochs={EPOCHS}',
    'train_cfg.val_interval=1',
    f'param_scheduler.0.end={EPOCHS}',
    'train_dataloader.batch_size=1',
    'train_dataloader.num_workers=0',
    'train_dataloader.persistent_workers=False',
    'val_dataloader.num_workers=0',
    'val_dataloader.persistent_workers=False',
]
SOON = 60  # seconds until a process reports that it lost another one


class Machine:
    """An agent of torchrun with one process that trains, and the file with all that they print."""

    def __init__(self, log: Path, command: list[str], **environment: str) -> None:
        self._log = log
        environment |= {'PYTHON': sys.executable, 'OMP_NUM_THREADS': '1'}
        with log.open('w') as file:
            self.process = subprocess.Popen(
                command,
                env=os.environ | environment | {'CUDA_VISIBLE_DEVICES': ''},
                stdout=file,
                stderr=file,
                start_new_session=True,
            )

    @property
    def printed(self) -> str:
        return self._log.read_text()

    def kill(self) -> None:
        """Kill the agent and its process: torchrun gives each process a session of its own."""
        agent = self.process.pid
        children = Path(f'/proc/{agent}/task/{agent}/children').read_text().split()
        for pid in (agent, *map(int, children)):
            os.kill(pid, signal.SIGKILL)
        self.process.wait()

    def wait_for(self, condition, seconds: float) -> None:
        wait_until(lambda: condition() or self.process.poll() is not None, seconds)
        assert condition(), self.printed[-3000:]


def listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(('127.0.0.1', port)) == 0


@pytest.fixture
def machines(root, tiny_data, tmp_path):
    """Return a function that starts two machines; the first has the rendezvous."""
    started: list[Machine] = []
    command = ['bash', root / 'tools/dist_train.sh', root / 'configs/quickstart.py', '1']
    command += ['--resume', '--data-root', tiny_data, '--work-dir', tmp_path / 'work']
    command = [*map(str, command), '--cfg-options', *OPTIONS]

    def start(**environment: str) -> list[Machine]:
        with socket.socket() as server:
            server.bind(('127.0.0.1', 0))
            port = server.getsockname()[1]
        environment['RDZV_ENDPOINT'] = f'127.0.0.1:{port}'
        for name in ('first', 'second'):
            started.append(Machine(tmp_path / f'{name}.log', command, **environment))
            if name == 'first':  # the second one connects to it
                wait_until(lambda: listens(port), SOON)
        return started

    yield start
    for machine in started:
        if machine.process.poll() is None:
            machine.kill()


@pytest.mark.slow
def test_a_lost_machine_is_reported_by_the_others(machines, figure, tmp_path):
    first, second = machines(NNODES='2', MAX_RESTARTS='0')
    first.wait_for((tmp_path / 'work/epoch_1.pth').is_file, 200)
    second.kill()
    lost = time.monotonic()
    first.wait_for(lambda: 'error: ' in first.printed, SOON)
    reported = time.monotonic() - lost
    assert first.process.wait(SOON) == 1
    assert 'another process of the run has ended' in first.printed
    figure(
        'one of two machines killed in a training',
        f'the other one says so after {reported:.1f} s and has ended after '
        f'{time.monotonic() - lost:.1f} s',
    )


@pytest.mark.slow
def test_a_training_continues_without_a_lost_machine(machines, figure, tmp_path):
    work = tmp_path / 'work'
    first, second = machines(NNODES='1:2', MAX_RESTARTS='3')
    first.wait_for((work / 'epoch_1.pth').is_file, 200)
    second.kill()
    lost = time.monotonic()
    before, _ = newest_checkpoint(work)
    meta = torch.load(before, weights_only=True)['meta']
    assert first.process.wait(300) == 0, first.printed[-3000:]
    seconds = time.monotonic() - lost
    last = torch.load(work / f'epoch_{EPOCHS}.pth', weights_only=True)['meta']
    # Twelve images: six steps per epoch by two processes, twelve by the remaining one.
    assert meta['iter'] < last['iter']
    assert last['epoch'] == EPOCHS
    assert 'iterations per epoch 6 -> 12' in first.printed
    assert last['iter'] == EPOCHS * 12
    assert json.loads((work / 'metrics.json').read_text())['images'] == 3
    figure(
        'one of two machines killed in a training with `NNODES=1:2 MAX_RESTARTS=3`, `--resume`',
        f'the other one continues from epoch {meta["epoch"]} and finishes epoch {EPOCHS} alone, '
        f'{seconds:.0f} s later',
    )
