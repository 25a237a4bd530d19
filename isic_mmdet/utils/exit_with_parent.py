"""Processes that load data, and end with the process that trains."""

import ctypes
import signal
import sys

from mmengine.registry import FUNCTIONS

_PR_SET_PDEATHSIG = 1  # of Linux's prctl.h


@FUNCTIONS.register_module()
def exit_with_parent(worker_id: int) -> None:
    """Let Linux end this worker of a `DataLoader` when its parent has ended.

    torch's workers look for their parent, too; but one that has a batch to hand over waits forever
    for somebody to take it, and keeps its memory.

    Their random numbers come from `isic_mmdet.datasets.samplers`.

    Args:
        worker_id: ignored.
    """
    if sys.platform == 'linux':
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
