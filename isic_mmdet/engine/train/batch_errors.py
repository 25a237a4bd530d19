"""What went wrong with a batch, in words that help."""

from collections.abc import Iterable
from typing import Any

import torch
from torch.utils.data import DataLoader

from isic_mmdet.engine.distributed import is_lost_process
from isic_mmdet.engine.train.finite import REMEDY, NonFiniteError
from isic_mmdet.utils.loader_errors import known_loader_error, reason, worker_died


class BatchError(Exception):
    """A batch cannot be trained on.

    Args:
        reason: what is the matter with it.
        remedy: what to do about it.
        passes: whether the batches after it may well be sound.
    """

    def __init__(self, reason: str, remedy: str, passes: bool = True) -> None:
        super().__init__(reason)
        self.reason = reason
        self.remedy = remedy
        self.passes = passes


def loading_error(error: Exception) -> BatchError:
    """Return what an exception of a `DataLoader` means."""
    known = known_loader_error(error)
    if known is not None:
        # A worker that died is replaced; what cannot be sent now cannot be sent later.
        return BatchError(*known, passes=worker_died(error))
    return BatchError(
        f'it cannot be loaded ({reason(error)})',
        'Put the file back or prepare the data again with tools/prepare_isic.py',
    )


def step_error(error: Exception) -> BatchError | None:
    """Return what an exception of a training step means; None where it is a fault of the code."""
    if isinstance(error, NonFiniteError):
        return BatchError(error.reason, REMEDY)
    text = str(error)
    if 'is non-finite, so it cannot be clipped' in text:  # clip_grad with error_if_nonfinite
        return BatchError(NonFiniteError('the norm of the gradients is not finite').reason, REMEDY)
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)) or "can't allocate memory" in text:
        return BatchError(
            'it does not fit into memory',
            'Lower train_dataloader.batch_size or the scale of Resize, or train with --amp',
        )
    if is_lost_process(error):
        return BatchError(
            'another process of the run has ended or does not answer',
            'Look at the messages of the others',
            passes=False,
        )
    return None


def ids(samples: Iterable[Any]) -> list[str]:
    """Return the image ids of data samples."""
    return [sample.metainfo.get('isic_id', '?') for sample in samples]


def ids_at(loader: DataLoader, position: int) -> list[str]:
    """Return the image ids of a batch that was not loaded, of the present epoch.

    Args:
        loader: with a `SeededBatchSampler`.
        position: of the batch in the epoch, from 0.
    """
    dataset: Any = loader.dataset
    sampler: Any = loader.batch_sampler
    return [dataset.get_data_info(index).get('isic_id', '?') for index in sampler.batch(position)]
