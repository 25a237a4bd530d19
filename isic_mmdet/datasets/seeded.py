"""Random numbers of a sample that depend on seed, epoch and image alone.

Not on the worker that loads it, on how many there are, on the number of processes, or on what was
drawn before: a run that goes on from a checkpoint, at the end of an epoch or inside one, sees the
images that it would have seen.
"""

import random
from collections import Counter
from collections.abc import Iterator
from copy import copy
from itertools import islice

import numpy as np
from mmdet.datasets.samplers import AspectRatioBatchSampler
from mmdet.registry import DATA_SAMPLERS
from torch.utils.data import Sampler

from isic_mmdet.errors import InputError


class SeededIndex(int):
    """An index into a data set that says what the transforms of this sample are drawn from.

    Args:
        index: of the sample.
        entropy: numbers from which its random numbers follow.
    """

    entropy: tuple[int, ...]

    def __new__(cls, index: int, entropy: tuple[int, ...]) -> 'SeededIndex':
        """Return `index` with its entropy."""
        self = super().__new__(cls, index)
        self.entropy = entropy
        return self

    def __getnewargs__(self) -> tuple[int, tuple[int, ...]]:  # type: ignore[override]
        return int(self), self.entropy

    # How mmengine's ConcatDataset and RepeatDataset find the data set inside.

    def __sub__(self, other: int) -> 'SeededIndex':
        return SeededIndex(int(self) - other, self.entropy)

    def __mod__(self, other: int) -> 'SeededIndex':
        return SeededIndex(int(self) % other, self.entropy)

    def seed(self) -> None:
        """Seed the generators that transforms draw from: those of NumPy and of `random`."""
        state = np.random.SeedSequence(self.entropy).generate_state(2)
        np.random.seed(state[0])
        random.seed(int(state[1]))


@DATA_SAMPLERS.register_module()
class SeededBatchSampler(AspectRatioBatchSampler):
    """mmdet's `AspectRatioBatchSampler` with `SeededIndex`es, that can start inside an epoch.

    The sampler below it has to have a `seed` and, set before every epoch, its number in `epoch`.
    With `drop_last` only a batch that is not full is left out; mmdet 3.3.0 also leaves out a full
    last one of both shapes.

    Attributes:
        start: number of batches that the next iteration leaves out; it is back to 0 after.

    Raises:
        InputError: the sampler has no epochs.
    """

    start = 0

    def __init__(self, sampler: Sampler, batch_size: int, drop_last: bool = False) -> None:
        super().__init__(sampler, batch_size, drop_last)
        if not (hasattr(sampler, 'epoch') and hasattr(sampler, 'seed')):
            raise InputError(
                f'train_dataloader.sampler: {type(sampler).__name__} has no epochs; write '
                "sampler=dict(type='DefaultSampler', shuffle=True), or "
                "dict(type='FixedLengthSampler', num_samples=...) for epochs of another length"
            )

    def __iter__(self) -> Iterator[list[SeededIndex]]:  # type: ignore[override]
        start, self.start = self.start, 0
        yield from islice(self._batches(), start, None)

    def batch(self, position: int) -> list[SeededIndex]:
        """Return the batch at a position of the sampler's present epoch."""
        return next(islice(self._batches(), position, None))

    def _batches(self) -> Iterator[list[SeededIndex]]:
        # A copy, for images that wait for others of their shape are kept in the sampler itself,
        # where another iteration would find them.
        whole = copy(self)
        whole._aspect_ratio_buckets = [[], []]
        whole.drop_last = False
        seed, epoch = self.sampler.seed, self.sampler.epoch
        times: Counter[int] = Counter()  # a sampler that balances classes repeats images
        for batch in AspectRatioBatchSampler.__iter__(whole):
            if self.drop_last and len(batch) < self.batch_size:
                continue
            seeded = []
            for index in map(int, batch):
                seeded.append(SeededIndex(index, (seed, epoch, index, times[index])))
                times[index] += 1
            yield seeded
