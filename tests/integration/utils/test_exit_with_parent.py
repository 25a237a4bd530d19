"""Processes that load data end with the one that trains, also with a batch in their hands."""

import multiprocessing
import os
import signal
import sys
from pathlib import Path

import pytest
import torch
from mmengine.runner import Runner
from torch.utils.data import DataLoader, Dataset

import isic_mmdet.register  # noqa: F401
from isic_mmdet.engine.config.load import load_config
from isic_mmdet.utils.exit_with_parent import exit_with_parent
from tests.support.waiting import wait_until


class Large(Dataset):
    """Samples too large for a pipe, so that a worker has to wait until they are taken."""

    def __len__(self) -> int:
        return 8

    def __getitem__(self, index: int) -> tuple[int, str]:
        return os.getpid(), 'x' * 10**6


def train(pids) -> None:
    torch.set_num_threads(1)
    loader = DataLoader(Large(), num_workers=1, collate_fn=list, worker_init_fn=exit_with_parent)
    batches = iter(loader)
    pids.send(next(batches)[0][0])
    signal.pause()


@pytest.mark.skipif(sys.platform != 'linux', reason='asks the Linux kernel for it')
def test_a_worker_ends_with_a_trainer_that_was_killed():
    context = multiprocessing.get_context('fork')
    receive, send = context.Pipe()
    trainer = context.Process(target=train, args=(send,))
    trainer.start()
    worker = receive.recv()
    os.kill(trainer.pid, signal.SIGKILL)
    trainer.join()
    wait_until(lambda: not Path(f'/proc/{worker}').exists())


def images(root, data, **settings: object) -> list[torch.Tensor]:
    """Return the images of an epoch of the quickstart's training loader, in their order."""
    options = {f'train_dataloader.{name}': value for name, value in settings.items()}
    cfg = load_config(root / 'configs/quickstart.py', options, data)
    loader = Runner.build_dataloader(cfg.train_dataloader, seed=3)
    # Images of different sizes come as a list.
    return [image for batch in loader for image in batch['inputs']]


def test_images_are_the_same_however_workers_start(root, tiny_data):
    expected = images(root, tiny_data, num_workers=0)
    assert len(expected) == 12
    for method in ('fork', 'spawn', 'forkserver'):
        found = images(root, tiny_data, num_workers=2, multiprocessing_context=method)
        assert all(map(torch.equal, expected, found)), method
