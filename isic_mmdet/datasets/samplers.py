"""Epochs of a given length, and batches of images of one size."""

from collections.abc import Iterator
from typing import Any

import torch
from mmdet.registry import DATA_SAMPLERS
from mmengine.dist import get_dist_info, sync_random_seed
from torch.utils.data import Sampler

from isic_mmdet.datasets.padded_shapes import PaddedShapes
from isic_mmdet.datasets.same_size_batches import batches_of_one_shape
from isic_mmdet.errors import InputError


@DATA_SAMPLERS.register_module()
class FixedLengthSampler(Sampler[int]):
    """Deals out the same number of samples every epoch, however many the data set has.

    It walks through an endless row of passes over the data set, each shuffled anew, and an epoch
    is the next `num_samples` of that row: no sample comes up again before all others have. (The
    `num_batch_per_epoch` of mmengine's loaders cuts the data set instead, so that what lies behind
    the cut is never seen.) Which samples an epoch has depends on its number and the seed alone, so
    a resumed run goes on as it would have.

    Args:
        dataset: to draw from.
        num_samples: of an epoch, over all processes; rounded up to a multiple of their number.
        seed: of the shuffling; None draws one that all processes share.

    Raises:
        InputError: `num_samples` is less than 1.
    """

    def __init__(self, dataset, num_samples: int, seed: int | None = None) -> None:
        if num_samples < 1:
            raise InputError(f'FixedLengthSampler: num_samples={num_samples}; give at least 1')
        self.rank, self.processes = get_dist_info()
        self.dataset = dataset
        self.share = -(-num_samples // self.processes)
        self.seed = sync_random_seed() if seed is None else seed
        self.epoch = 0

    def __iter__(self) -> Iterator[int]:
        size = len(self.dataset)
        position = self.epoch * self.share * self.processes + self.rank
        shuffled_pass, order = -1, torch.empty(0)
        for _ in range(self.share):
            if position // size != shuffled_pass:
                shuffled_pass = position // size
                generator = torch.Generator().manual_seed(self.seed + shuffled_pass)
                order = torch.randperm(size, generator=generator)
            yield int(order[position % size])
            position += self.processes

    def __len__(self) -> int:
        return self.share

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch, counted from 0, whose samples come next."""
        self.epoch = epoch


@DATA_SAMPLERS.register_module()
class SameShapeBatchSampler(Sampler[list[int]]):
    """Batches for validation and test whose images are padded alike.

    mmdet pads the images of a batch to the largest of them, and what it finds in an image depends
    on the padding. In these batches an image gets the padding that it has alone, whatever else is
    in the data set, and whatever the batch size and the number of processes. The order of the
    images changes.

    Args:
        sampler: of mmengine; it deals out the indices of its `dataset`, to this process.
        batch_size: images of a full batch.
        pad_divisor: that the model pads the sides of images to multiples of, its
            `data_preprocessor.pad_size_divisor`; `tools/train.py` and `tools/test.py` set it. With
            1 only images of exactly one size share a batch, which is right for every model.
    """

    def __init__(self, sampler: Any, batch_size: int, pad_divisor: int = 1) -> None:
        self.sampler = sampler
        self.batch_size = batch_size
        self._shape_of = PaddedShapes(sampler.dataset, pad_divisor)

    def __iter__(self) -> Iterator[list[int]]:
        yield from batches_of_one_shape(self.sampler, self._shape_of, self.batch_size)

    def __len__(self) -> int:
        return sum(1 for _ in self)
