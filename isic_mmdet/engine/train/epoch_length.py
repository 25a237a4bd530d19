"""Resuming with another number of processes, or another batch size.

An epoch then has another number of iterations, so the position in the training has to be counted
anew. mmengine 0.10.7 leaves it as it was. `isic_mmdet.engine.train.schedule` does the same for the
learning rate.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mmengine.dist import get_world_size
from mmengine.runner import Runner

from isic_mmdet.engine.train.checkpoints import ITERATIONS

# Of a checkpoint's `meta`.
_BATCH = 'global_batch_size'


@dataclass(frozen=True)
class EpochLength:
    """How long an epoch is.

    Attributes:
        iterations: of one process.
        batch: images that all processes take at a step.
    """

    iterations: int
    batch: int

    @classmethod
    def of(cls, runner: Runner) -> 'EpochLength':
        """Return that of a run."""
        loader = runner.train_dataloader
        return cls(len(loader), loader.batch_sampler.batch_size * get_world_size())

    @classmethod
    def recorded(cls, meta: Mapping[str, Any], default: 'EpochLength') -> 'EpochLength':
        """Return that of the run that wrote a checkpoint; `default` where it is not recorded."""
        return cls(meta.get(ITERATIONS, default.iterations), meta.get(_BATCH, default.batch))

    def note(self, meta: dict[str, Any]) -> None:
        """Write it into what a checkpoint tells of itself."""
        meta |= {ITERATIONS: self.iterations, _BATCH: self.batch}


def count_anew(meta: dict[str, Any], now: EpochLength) -> None:
    """Bring the position in a checkpoint to another length of an epoch.

    Args:
        meta: of the checkpoint; `iter` is changed in place, the share of the epoch stays.
        now: how long an epoch is from here on.
    """
    before = EpochLength.recorded(meta, now)
    inside = meta['iter'] - meta['epoch'] * before.iterations
    share = now.iterations / before.iterations
    meta['iter'] = meta['epoch'] * now.iterations + int(inside * share)
