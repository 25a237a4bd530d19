"""Batches that go to the process that trains in as few pieces as they can.

torch opens a connection of its own, with a password asked and answered, for each tensor that a
worker of a `DataLoader` hands over: 0.7 ms for each, be it an image, its boxes or its labels, while
a GPU waits.
"""

from collections.abc import Callable, Sequence
from multiprocessing.reduction import ForkingPickler
from typing import Any

import torch
from mmengine.dataset import pseudo_collate
from mmengine.registry import FUNCTIONS
from torch.utils.data import default_collate, get_worker_info


@FUNCTIONS.register_module()
def shared_memory_collate(samples: Sequence[dict]) -> dict:
    """Put a batch together as mmengine's `pseudo_collate` does, to be handed over faster.

    Images of one size become one tensor, which mmdet's preprocessor takes as well as a list; what
    is known of them goes from process to process as bytes. Nothing changes for the views of
    test-time augmentation, or without workers but for the one tensor.

    Args:
        samples: `inputs`, (3, H, W), and `data_samples` of each image, as `PackLesionInputs`
            leaves them.

    Returns:
        `inputs`, (N, 3, H, W), or a list of N where sizes differ, and `data_samples`, a list.
    """
    batch = pseudo_collate(samples)
    if isinstance(batch['inputs'][0], torch.Tensor):
        if len({image.shape for image in batch['inputs']}) == 1:
            # Straight into the memory that the processes share.
            batch['inputs'] = default_collate(batch['inputs'])
        if get_worker_info() is not None:
            batch['data_samples'] = _Message(batch['data_samples'])
    return batch


class _Message:
    """Something on its way to another process, where it arrives as itself.

    It is turned into bytes at once: what fails here is told to the process that trains, while an
    error of the thread that sends would leave it waiting.
    """

    def __init__(self, thing: Any) -> None:
        self._bytes = bytes(_ByValue.dumps(thing))

    def __reduce__(self) -> tuple[Callable, tuple[bytes]]:
        return ForkingPickler.loads, (self._bytes,)


class _ByValue(ForkingPickler):
    # What multiprocessing writes, and tensors as arrays.
    def reducer_override(self, thing: Any) -> Any:
        if type(thing) is torch.Tensor:
            return torch.from_numpy, (thing.numpy(),)
        return NotImplemented
