"""One process, or several processes of torchrun that share a set of images.

Only several processes import torch.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from isic_mmdet.errors import InputError

# Processes that start together must connect within this time.
_CONNECTING = timedelta(minutes=3)
_REMEDY = 'Run the same command again with --resume to keep the finished images'


@dataclass(frozen=True)
class Group:
    """The rank of this process, and the number of processes that share the images."""

    rank: int = 0
    size: int = 1

    def gather(self, value: Any) -> list[Any]:
        """Wait for all processes and return their values, in the order of their ranks.

        Raises:
            InputError: a process has ended.
        """
        if self.size == 1:
            return [value]
        from mmengine.dist import all_gather_object

        from isic_mmdet.engine.distributed import is_lost_process

        try:
            values: list[Any] = all_gather_object(value)
        except RuntimeError as error:
            if not is_lost_process(error):
                raise
            raise InputError(
                f'another of the {self.size} processes has ended (see its own message). {_REMEDY}'
            ) from error
        return values


@contextmanager
def process_group(launcher: str) -> Iterator[Group]:
    """Run a block in the group of the processes that torchrun started.

    The processes exchange only a few lines of text, so the group uses gloo even on GPUs.
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
        distributed.init_process_group('gloo', timeout=_CONNECTING)
    except (RuntimeError, distributed.DistError) as error:
        raise InputError(
            f'the processes did not connect within {_CONNECTING.seconds} s; one of them may have '
            f'ended. {_REMEDY}'
        ) from error
    # Processes that finish early wait for the last one without a limit.
    distributed.distributed_c10d._set_pg_timeout(timedelta(days=7))
    try:
        yield Group(distributed.get_rank(), distributed.get_world_size())
    finally:
        distributed.destroy_process_group()
