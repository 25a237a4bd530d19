"""Errors of single batches: their reasons, and how to fix them."""

from collections.abc import Iterable
from typing import Any

import torch
from torch.utils.data import DataLoader

from isic_mmdet.engine.distributed import is_lost_process
from isic_mmdet.engine.hooks.finite_training_hook import REMEDY, NonFiniteError
from isic_mmdet.utils.loader_errors import known_loader_error, reason, worker_died


class BatchError(Exception):
    """A batch cannot be trained on; `can_skip` if training may continue with the next one."""

    def __init__(self, reason: str, remedy: str, can_skip: bool = True) -> None:
        super().__init__(reason)
        self.reason, self.remedy, self.can_skip = reason, remedy, can_skip


def loading_error(error: Exception) -> BatchError:
    """Return the `BatchError` of an exception of a `DataLoader`."""
    known = known_loader_error(error)
    if known is not None:
        # A dead worker is replaced. A batch that cannot be sent now cannot be sent later either.
        return BatchError(*known, can_skip=worker_died(error))
    return BatchError(
        f'it cannot be loaded ({reason(error)})',
        'Put the file back or prepare the data again with tools/prepare_isic.py',
    )


def step_error(error: Exception) -> BatchError | None:
    """Return the `BatchError` of an exception of a training step; None for a bug in the code."""
    text = str(error)
    if 'is non-finite, so it cannot be clipped' in text:  # clip_grad with error_if_nonfinite
        error = NonFiniteError('the norm of the gradients is not finite')
    if isinstance(error, NonFiniteError):
        return BatchError(error.reason, REMEDY)
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)) or "can't allocate memory" in text:
        return BatchError(
            'it does not fit into memory',
            'Lower train_dataloader.batch_size or the scale of Resize, or train with --amp',
        )
    if is_lost_process(error):
        return BatchError(
            'another process of the run has ended or does not answer',
            'Read the messages of the other processes',
            can_skip=False,
        )
    return None


def ids(samples: Iterable[Any]) -> list[str]:
    """Return the image ids of data samples."""
    return [sample.metainfo.get('isic_id', '?') for sample in samples]


def ids_at(loader: DataLoader[Any], position: int) -> list[str]:
    """Return the image ids of the batch at a position, from 0, of the current epoch."""
    dataset: Any = loader.dataset
    sampler: Any = loader.batch_sampler
    return [dataset.get_data_info(index).get('isic_id', '?') for index in sampler.batch(position)]
