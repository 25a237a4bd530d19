"""One process, or several processes of torchrun that share a set of images.

Only several processes import torch.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from isic_mmdet.errors import InputError

# Processes that start together must connect within this time.
_MEETING = timedelta(minutes=3)


@dataclass(frozen=True)
class Group:
    """A group of one process; `TorchGroup` has several.

    Attributes:
        rank: of this process.
        size: number of processes.
    """

    rank: int = 0
    size: int = 1

    def wait(self) -> None:
        """Wait for all processes."""

    def gather(self, value: Any) -> list[Any]:
        """Return the values of all processes, in the order of their ranks."""
        return [value]


class TorchGroup(Group):
    """The processes of torch's default group."""

    def __init__(self) -> None:
        from torch import distributed

        super().__init__(distributed.get_rank(), distributed.get_world_size())

    def wait(self) -> None:
        """Wait for all processes.

        Raises:
            InputError: a process has ended.
        """
        from mmengine.dist import barrier

        with _together(self.size):
            barrier()

    def gather(self, value: Any) -> list[Any]:
        """Return the values of all processes, in the order of their ranks.

        Raises:
            InputError: a process has ended.
        """
        from mmengine.dist import all_gather_object

        with _together(self.size):
            return all_gather_object(value)


@contextmanager
def _together(size: int) -> Iterator[None]:
    """Raise an InputError if a process ends while the others wait for it in the block."""
    from isic_mmdet.engine.distributed import is_lost_process

    try:
        yield
    except RuntimeError as error:
        if not is_lost_process(error):
            raise
        raise InputError(
            f'another of the {size} processes has ended (see its own message); run the same '
            'command again with --resume to keep the finished images'
        ) from error


@contextmanager
def process_group(launcher: str) -> Iterator[Group]:
    """Run a block in the group of the processes that torchrun started.

    They exchange only a few lines of text, so the group uses gloo even on GPUs.
    (`isic_mmdet.engine.distributed.launched` makes the group that a Runner needs.)

    Args:
        launcher: 'none' for one process, or 'pytorch'.

    Raises:
        InputError: torchrun did not start this process, or started more processes than there are
            GPUs; or the processes do not connect.
    """
    if launcher == 'none':
        yield Group()
        return
    from torch import distributed

    from isic_mmdet.engine.distributed import check_torchrun

    check_torchrun()
    try:
        distributed.init_process_group('gloo', timeout=_MEETING)
    except (RuntimeError, distributed.DistError) as error:
        raise InputError(
            f'the processes did not connect within {_MEETING.seconds} s; one of them may '
            'have ended. Run the same command again with --resume to keep the finished images'
        ) from error
    # Processes that finish early wait for the last one without a limit.
    distributed.distributed_c10d._set_pg_timeout(timedelta(days=7))
    try:
        yield TorchGroup()
    finally:
        distributed.destroy_process_group()


def own_device() -> str:
    """Return the GPU of this process, or the CPU if there is none."""
    import torch

    return f'cuda:{os.environ.get("LOCAL_RANK", 0)}' if torch.cuda.is_available() else 'cpu'
