"""Samplers: seeded samples, epochs of a given length, and batches of images of one size.

The random numbers of a sample depend on seed, epoch and image only, not on the worker that loads
it, on the number of workers and processes, or on earlier samples. So a resumed run, also one that
resumes inside an epoch, gets the same images as an uninterrupted run.
"""

import random
from collections import Counter
from collections.abc import Iterator, Sized
from copy import copy
from itertools import islice
from typing import Any

import numpy as np
import torch
from mmdet.datasets.samplers import AspectRatioBatchSampler
from mmdet.registry import DATA_SAMPLERS
from mmengine.dist import get_dist_info, sync_random_seed
from torch.utils.data import Sampler

from isic_mmdet.datasets.padded_shapes import padded_shapes
from isic_mmdet.datasets.same_size_batches import batches_of_one_shape
from isic_mmdet.errors import InputError


class SeededIndex(int):
    """An index into a data set with the seed of the transforms of this sample.

    Args:
        index: of the sample.
        entropy: numbers that the random numbers of the sample depend on.
    """

    entropy: tuple[int, ...]

    def __new__(cls, index: int, entropy: tuple[int, ...]) -> 'SeededIndex':
        """Return `index` with its entropy."""
        self = super().__new__(cls, index)
        self.entropy = entropy
        return self

    # The stub of int has one argument.
    def __getnewargs__(self) -> tuple[int, tuple[int, ...]]:  # type: ignore[override]
        return int(self), self.entropy

    # mmengine's ConcatDataset and RepeatDataset compute the index into the inner data set.

    def __sub__(self, other: int) -> 'SeededIndex':
        return SeededIndex(int(self) - other, self.entropy)

    def __mod__(self, other: int) -> 'SeededIndex':
        return SeededIndex(int(self) % other, self.entropy)

    def seed(self) -> None:
        """Seed the generators that transforms use: those of NumPy and of `random`."""
        state = np.random.SeedSequence(self.entropy).generate_state(2)
        np.random.seed(state[0])
        random.seed(int(state[1]))


@DATA_SAMPLERS.register_module()
class SeededBatchSampler(AspectRatioBatchSampler):
    """mmdet's `AspectRatioBatchSampler` of `SeededIndex`es, which can start inside an epoch.

    With `drop_last` only a batch that is not full is dropped; mmdet 3.3.0 also drops a full last
    batch of both shapes.

    Attributes:
        start: number of batches that the next iteration skips; reset to 0 by it.

    Raises:
        InputError: the sampler has no `seed` or no `epoch`.
    """

    start = 0

    def __init__(self, sampler: Sampler[int], batch_size: int, drop_last: bool = False) -> None:
        super().__init__(sampler, batch_size, drop_last)
        if not (hasattr(sampler, 'epoch') and hasattr(sampler, 'seed')):
            raise InputError(
                f'train_dataloader.sampler: {type(sampler).__name__} has no epochs; write '
                "sampler=dict(type='DefaultSampler', shuffle=True), or "
                "dict(type='FixedLengthSampler', num_samples=...) for epochs of another length"
            )

    def __iter__(self) -> Iterator[list[SeededIndex]]:
        start, self.start = self.start, 0
        yield from islice(self._batches(), start, None)

    def batch(self, position: int) -> list[SeededIndex]:
        """Return the batch at a position of the sampler's current epoch."""
        return next(islice(self._batches(), position, None))

    def _batches(self) -> Iterator[list[SeededIndex]]:
        # A copy: mmdet keeps images that wait for others of their shape in the sampler itself,
        # where another iteration would find them.
        complete = copy(self)
        complete._aspect_ratio_buckets = [[], []]
        complete.drop_last = False
        seed, epoch = self.sampler.seed, self.sampler.epoch
        times: Counter[int] = Counter()  # a sampler that balances classes repeats images
        for batch in AspectRatioBatchSampler.__iter__(complete):
            if self.drop_last and len(batch) < self.batch_size:
                continue
            seeded = []
            for index in map(int, batch):
                seeded.append(SeededIndex(index, (seed, epoch, index, times[index])))
                times[index] += 1
            yield seeded


@DATA_SAMPLERS.register_module()
class FixedLengthSampler(Sampler[int]):
    """Epochs of the same number of samples, however many the data set has.

    An epoch is the next `num_samples` of an endless sequence of shuffled passes over the data set,
    so no sample comes again before all others came. (The `num_batch_per_epoch` of mmengine's
    loaders cuts the data set instead, and never shows the rest.) The samples of an epoch depend
    only on its number and the seed.

    Args:
        dataset: to draw from.
        num_samples: of an epoch, over all processes; rounded up to a multiple of their number.
        seed: of the shuffling; None draws one that all processes share.

    Raises:
        InputError: `num_samples` is less than 1.
    """

    def __init__(self, dataset: Sized, num_samples: int, seed: int | None = None) -> None:
        if num_samples < 1:
            raise InputError(f'FixedLengthSampler: num_samples={num_samples}; give at least 1')
        self.rank, self.processes = get_dist_info()
        self.dataset = dataset
        self.share = -(-num_samples // self.processes)
        self.seed = sync_random_seed() if seed is None else seed
        self.epoch = 0

    def __iter__(self) -> Iterator[int]:
        size = len(self.dataset)
        first = self.epoch * self.share * self.processes + self.rank
        shuffled_pass, order = -1, torch.empty(0)
        for position in range(first, first + self.share * self.processes, self.processes):
            if position // size != shuffled_pass:
                shuffled_pass = position // size
                generator = torch.Generator().manual_seed(self.seed + shuffled_pass)
                order = torch.randperm(size, generator=generator)
            yield int(order[position % size])

    def __len__(self) -> int:
        return self.share

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch, counted from 0, whose samples come next."""
        self.epoch = epoch


@DATA_SAMPLERS.register_module()
class SameShapeBatchSampler(Sampler[list[int]]):
    """Batches for validation and test whose images have equal padded shapes.

    mmdet pads the images of a batch to the largest of them, and its predictions depend on the
    padding. In these batches an image is padded as if it were alone, for any batch size and any
    number of processes. The order of the images changes.

    Args:
        sampler: of mmengine; yields the indices of its `dataset` for this process.
        batch_size: images of a full batch.
        pad_divisor: `data_preprocessor.pad_size_divisor` of the model; `tools/train.py` and
            `tools/test.py` set it. 1 is right for every model: only images of exactly one size
            share a batch.
    """

    def __init__(self, sampler: Any, batch_size: int, pad_divisor: int = 1) -> None:
        self.sampler = sampler
        self.batch_size = batch_size
        self._shape_of = padded_shapes(sampler.dataset, pad_divisor)

    def __iter__(self) -> Iterator[list[int]]:
        yield from batches_of_one_shape(self.sampler, self._shape_of, self.batch_size)

    def __len__(self) -> int:
        return sum(1 for _ in self)
