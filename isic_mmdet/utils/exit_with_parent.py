"""Data-loading processes that end with the training process."""

import ctypes
import signal
import sys

from mmengine.registry import FUNCTIONS

_PR_SET_PDEATHSIG = 1  # of Linux's prctl.h


@FUNCTIONS.register_module()
def exit_with_parent(worker_id: int) -> None:
    """Let Linux end this `DataLoader` worker, a `worker_init_fn`, when its parent has ended.

    torch's workers check for their parent, but one that is about to send a batch waits forever.
    """
    if sys.platform == 'linux':
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
