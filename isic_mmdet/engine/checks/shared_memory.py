"""Whether the memory that processes share has room for the batches of the loaders.

Workers of a `DataLoader` hand images over in files of /dev/shm, of which Docker gives 64 MB. A
full one ends the run with an error of the C library, so the room is compared before it starts.
"""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from mmengine.dataset import BaseDataset

FOLDER = Path('/dev/shm')
_LOOKED_AT = 100  # images, to find a large one
_PREFETCHED = 2  # batches of each worker that wait to be taken, torch's default


def shared_memory_errors(
    loaders: Mapping[str, Mapping[str, Any]], image_bytes: Mapping[str, int], together: bool
) -> list[str]:
    """Return what is wrong with the shared memory, at most one error.

    Args:
        loaders: configs of the loaders that will be used, by their names in the config.
        image_bytes: of the largest image of each that was found, see `bytes_of_an_image`.
        together: whether validation images are loaded during an epoch of the training, instead of
            after it.
    """
    needs = {
        name: _batches(loader) * loader.get('batch_size', 1) * image_bytes[name]
        for name, loader in loaders.items()
    }
    needs = {name: need for name, need in needs.items() if need}
    if not needs or sys.platform != 'linux':
        return []
    free = _free_bytes()
    largest = max(needs, key=lambda name: needs[name])
    need = sum(needs.values()) if together else needs[largest]
    processes = int(os.environ.get('LOCAL_WORLD_SIZE', 1))
    if need * processes <= free:
        return []
    loader = loaders[largest]
    held = _batches(loader) * processes
    return [
        f'{FOLDER} has {free / 1e6:.1f} MB free, and the loaders need up to '
        f'{need * processes / 1e6:.1f} MB ({largest}: {held} batches of '
        f'{loader.get("batch_size", 1)} images of {image_bytes[largest] / 1e6:.2f} MB wait in '
        f'{loader["num_workers"]} workers); give it more room (docker run --shm-size=2g or '
        f'--ipc=host), or set a smaller {largest}.num_workers (0 needs no shared memory) or '
        f'{largest}.batch_size'
    ]


def bytes_of_an_image(dataset: BaseDataset) -> int:
    """Return the size of what the pipeline makes of a large image of a data set, in bytes.

    0 where it cannot be loaded: what uses it says why.
    """
    step = max(1, len(dataset) // _LOOKED_AT)
    largest = max(range(0, len(dataset), step), key=lambda index: _pixels(dataset, index))
    try:
        inputs = dataset[largest]['inputs']
    except Exception:
        return 0
    tensors = inputs if isinstance(inputs, list) else [inputs]
    return sum(each.nbytes for each in tensors if isinstance(each, torch.Tensor))


def _pixels(dataset: BaseDataset, index: int) -> int:
    record = dataset.get_data_info(index)
    return int(record.get('height', 0)) * int(record.get('width', 0))


def _batches(loader: Mapping[str, Any]) -> int:
    """Return how many batches exist at the same time, with the one in use."""
    workers = loader.get('num_workers', 0)
    return workers * (loader.get('prefetch_factor') or _PREFETCHED) + 1 if workers else 0


def _free_bytes() -> int:
    """Return the room in shared memory; 0 where it is absent or cannot be written to."""
    if not os.access(FOLDER, os.W_OK):
        return 0
    stats = os.statvfs(FOLDER)
    return stats.f_bavail * stats.f_frsize
