"""Processes that share one set of images."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import torch
import torch.distributed as dist

from isic_mmdet.launch import check_torchrun


@contextmanager
def process_group(launcher: str) -> Iterator[None]:
    """Run a block in the group of the processes that torchrun started.

    They exchange a few lines of text and no tensors, so the group is one over gloo, with a GPU
    too. (`isic_mmdet.launch.launched` makes the group that a Runner needs.)

    Args:
        launcher: 'none' for a process alone, or 'pytorch'.

    Raises:
        InputError: torchrun did not start this process, or more of them than there are GPUs.
    """
    if launcher == 'none':
        yield
        return
    check_torchrun()
    # The first to finish wait for the last, as long as it takes.
    dist.init_process_group('gloo', timeout=timedelta(days=7))
    try:
        yield
    finally:
        dist.destroy_process_group()


def own_device() -> str:
    """Return the GPU that is this process's own, or the CPU where there is none."""
    return f'cuda:{os.environ.get("LOCAL_RANK", 0)}' if torch.cuda.is_available() else 'cpu'
