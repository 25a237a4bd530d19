"""Whether shared memory has room for the batches of the loaders.

Workers of a `DataLoader` pass images in files of /dev/shm, which has 64 MB in Docker. If it is
full, the run ends with an error of the C library. So the room is compared before the run starts.
"""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from mmengine.dataset import BaseDataset

FOLDER = Path('/dev/shm')
_SAMPLES = 100  # images among which a large one is searched
_PREFETCHED = 2  # batches that wait in each worker, torch's default


def shared_memory_errors(
    loaders: Mapping[str, Mapping[str, Any]], image_bytes: Mapping[str, int], together: bool
) -> list[str]:
    """Return what is wrong with the shared memory, at most one error.

    Args:
        loaders: configs of the loaders that will be used, by their names in the config.
        image_bytes: size of a large image of each loader, see `bytes_of_an_image`.
        together: whether validation images are loaded during an epoch of the training, instead of
            after it.
    """
    batches = {name: _batches(loader) for name, loader in loaders.items()}
    needs = {
        name: count * loaders[name].get('batch_size', 1) * image_bytes[name]
        for name, count in batches.items()
    }
    largest = max(needs, key=lambda name: needs[name], default='')
    if not needs.get(largest) or sys.platform != 'linux':
        return []
    free = _free_bytes()
    processes = int(os.environ.get('LOCAL_WORLD_SIZE', 1))
    need = processes * (sum(needs.values()) if together else needs[largest])
    if need <= free:
        return []
    return [
        f'{FOLDER} has {free / 1e6:.1f} MB free, and the loaders need up to {need / 1e6:.1f} MB '
        f'({largest}: {processes * batches[largest]} batches of '
        f'{loaders[largest].get("batch_size", 1)} images of {image_bytes[largest] / 1e6:.2f} MB); '
        'give it more room (docker run --shm-size=2g or --ipc=host), or set a smaller '
        f'{largest}.num_workers (0 needs no shared memory) or {largest}.batch_size'
    ]


def bytes_of_an_image(dataset: BaseDataset) -> int:
    """Return the size in bytes of the pipeline's output for a large image of a data set.

    It is 0 if the image cannot be loaded; the loader will report that.
    """
    step = max(1, len(dataset) // _SAMPLES)
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
    """Return how many batches exist at the same time, including the one in use."""
    workers = loader.get('num_workers', 0)
    return workers * (loader.get('prefetch_factor') or _PREFETCHED) + 1 if workers else 0


def _free_bytes() -> int:
    """Return the room in shared memory; 0 if it is absent or cannot be written to."""
    if not os.access(FOLDER, os.W_OK):
        return 0
    stats = os.statvfs(FOLDER)
    return stats.f_bavail * stats.f_frsize
