"""The processes that share one set of images: one alone, or several started by torchrun.

torch is imported only where there are several: a process alone may run without it.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from isic_mmdet.errors import InputError

# Processes that were started together have to find each other in this time.
_MEETING = timedelta(minutes=3)


@dataclass(frozen=True)
class Group:
    """One process alone; `TorchGroup` has several.

    Attributes:
        rank: number of this process.
        size: how many there are.
    """

    rank: int = 0
    size: int = 1

    def wait(self) -> None:
        """Return when all processes are here."""

    def gather(self, value: Any) -> list[Any]:
        """Return the values of all processes, in the order of their ranks."""
        return [value]


class TorchGroup(Group):
    """The processes of torch's default group."""

    def __init__(self) -> None:
        from torch import distributed

        super().__init__(distributed.get_rank(), distributed.get_world_size())

    def wait(self) -> None:
        """Return when all processes are here.

        Raises:
            InputError: one has ended.
        """
        from mmengine.dist import barrier

        with _together(self.size):
            barrier()

    def gather(self, value: Any) -> list[Any]:
        """Return the values of all processes, in the order of their ranks.

        Raises:
            InputError: one has ended.
        """
        from mmengine.dist import all_gather_object

        with _together(self.size):
            return all_gather_object(value)


@contextmanager
def _together(size: int) -> Iterator[None]:
    """Run a block that all processes run; report it if gloo has lost one of them."""
    from isic_mmdet.engine.distributed import is_lost_process

    try:
        yield
    except RuntimeError as error:
        if not is_lost_process(error):
            raise
        raise InputError(
            f'another of the {size} processes has ended (see its own message); run the same '
            'command again with --resume to keep what is done'
        ) from error


@contextmanager
def process_group(launcher: str) -> Iterator[Group]:
    """Run a block in the group of the processes that torchrun started.

    The processes exchange only a few lines of text, so the group uses gloo, with a GPU as well.
    (`isic_mmdet.engine.distributed.launched` makes the group that a Runner needs.)

    Args:
        launcher: 'none' for a process alone, or 'pytorch'.

    Raises:
        InputError: torchrun did not start this process, or more of them than there are GPUs; or
            the processes do not meet.
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
            f'the processes did not find each other within {_MEETING.seconds} s; one of them may '
            'have ended. Run the same command again with --resume to keep what is done'
        ) from error
    # The first to finish wait for the last, as long as it takes.
    distributed.distributed_c10d._set_pg_timeout(timedelta(days=7))
    try:
        yield TorchGroup()
    finally:
        distributed.destroy_process_group()


def own_device() -> str:
    """Return the GPU of this process, or the CPU if there is none."""
    import torch

    return f'cuda:{os.environ.get("LOCAL_RANK", 0)}' if torch.cuda.is_available() else 'cpu'
