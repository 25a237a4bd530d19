"""Processes that share one set of images, started by torchrun."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from mmengine.dist import all_gather_object, barrier

from isic_mmdet.deploy.predict.group import Group
from isic_mmdet.engine.distributed import check_torchrun, is_lost_process
from isic_mmdet.errors import InputError

# In which processes that were started together find each other.
_MEETING = timedelta(minutes=3)


class TorchGroup(Group):
    """The processes of torch's default group."""

    def __init__(self) -> None:
        super().__init__(dist.get_rank(), dist.get_world_size())

    def wait(self) -> None:
        """Return when all processes are here.

        Raises:
            InputError: one has ended.
        """
        with _together():
            barrier()

    def gather(self, value: Any) -> list[Any]:
        """Return the values of all processes, in the order of their ranks.

        Raises:
            InputError: one has ended.
        """
        with _together():
            return all_gather_object(value)


@contextmanager
def _together() -> Iterator[None]:
    """Run a block that all processes run, and say so where gloo has lost one of them."""
    try:
        yield
    except RuntimeError as error:
        if not is_lost_process(error):
            raise
        raise InputError(
            f'another of the {dist.get_world_size()} processes has ended (its own message says '
            'why); run the same command again with --resume, what is done stays'
        ) from error


@contextmanager
def process_group(launcher: str) -> Iterator[Group]:
    """Run a block in the group of the processes that torchrun started.

    They exchange a few lines of text and no tensors, so the group is one over gloo, with a GPU
    too. (`isic_mmdet.engine.distributed.launched` makes the group that a Runner needs.)

    Args:
        launcher: 'none' for a process alone, or 'pytorch'.

    Raises:
        InputError: torchrun did not start this process, or more of them than there are GPUs; or
            the processes do not meet.
    """
    if launcher == 'none':
        yield Group()
        return
    check_torchrun()
    try:
        dist.init_process_group('gloo', timeout=_MEETING)
    except (RuntimeError, dist.DistError) as error:
        raise InputError(
            f'the processes did not find each other within {_MEETING.seconds} s, one has ended '
            'perhaps; run the same command again with --resume, what is done stays'
        ) from error
    # The first to finish wait for the last, as long as it takes.
    dist.distributed_c10d._set_pg_timeout(timedelta(days=7))
    try:
        yield TorchGroup()
    finally:
        dist.destroy_process_group()


def own_device() -> str:
    """Return the GPU that is this process's own, or the CPU where there is none."""
    return f'cuda:{os.environ.get("LOCAL_RANK", 0)}' if torch.cuda.is_available() else 'cpu'
