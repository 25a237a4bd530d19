"""Errors of the thread that sends a worker's batches, raised in the process that waits for them.

Upstream bug of Python's `multiprocessing` and torch 2.11: a worker of a `DataLoader` passes its
batches to a thread that pickles and sends them. If that fails (no shared memory left, too many
open files, data that cannot be pickled), the thread prints a traceback and drops the batch, and
the training waits forever (pytorch/pytorch 5040, open-mmlab/mmdetection 6993, riga/law 184). This
can be removed when torch's worker loop sends such errors itself.
"""

import os
from multiprocessing import queues
from typing import Any

from torch._utils import ExceptionWrapper
from torch.utils.data import get_worker_info

from isic_mmdet.utils.loader_errors import UnsentBatchError

# The stubs of multiprocessing have only its public names.
_report = queues.Queue._on_queue_feeder_error  # type: ignore[attr-defined]


def _send_instead(queue: 'queues.Queue[Any]', error: Exception, item: Any) -> None:
    """Send the error instead of the batch; `DataLoader` raises it."""
    worker = get_worker_info()
    if worker is None:
        _report(error, item)
        return
    is_batch = isinstance(item, tuple) and len(item) == 2
    if not is_batch or isinstance(item[1], ExceptionWrapper):
        # Nothing can be sent. `DataLoader` notices the end of the process.
        _report(error, item)
        os._exit(1)
    reported = UnsentBatchError(f'{type(error).__name__}: {error}')
    where = f'in DataLoader worker process {worker.id}'
    wrapped = ExceptionWrapper((UnsentBatchError, reported, error.__traceback__), where)
    queue.put((item[0], wrapped))


def install_sending_of_errors() -> None:
    """Let the workers of every `DataLoader` send the reason why a batch could not be sent."""
    queues.Queue._on_queue_feeder_error = _send_instead  # type: ignore[attr-defined]
