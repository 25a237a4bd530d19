"""Going on with another number of processes, or another batch size.

An epoch then has another number of iterations, and what counts in iterations has to be counted
anew: how far the run is, and how far its schedules are. The learning rate follows the batch size
where the config wants it to. mmengine 0.10.7 leaves all of it as it was.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mmengine.dist import get_world_size
from mmengine.runner import Runner

from isic_mmdet.training.checkpoints import ITERATIONS

# Of a checkpoint's `meta`.
_BATCH = 'global_batch_size'

# What the state of a scheduler that goes by iterations counts in them.
_COUNTS = ('begin', 'end', 'last_step', '_global_step', 'T_max', 'total_iters', 'step_size')
_ENDLESS = int(1e9)  # mmengine's own word for it
_RATES = ('lr', 'initial_lr')


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

    def note(self, meta: dict[str, Any]) -> None:
        """Write it into what a checkpoint tells of itself."""
        meta |= {ITERATIONS: self.iterations, _BATCH: self.batch}


def count_anew(checkpoint: dict[str, Any], now: EpochLength, scale_rate: bool) -> bool:
    """Bring a checkpoint to another length of an epoch, in place.

    Args:
        checkpoint: that training goes on from.
        now: how long an epoch is from here on.
        scale_rate: whether the learning rate is to follow the batch size.

    Returns:
        Whether anything had to be done.
    """
    meta = checkpoint['meta']
    before = EpochLength(meta.get(ITERATIONS, now.iterations), meta.get(_BATCH, now.batch))
    if before == now:
        return False
    share = now.iterations / before.iterations
    inside = meta['iter'] - meta['epoch'] * before.iterations
    meta['iter'] = meta['epoch'] * now.iterations + int(inside * share)
    rate = now.batch / before.batch if scale_rate else 1.0
    optimizer = checkpoint.get('optimizer', {})
    settings = [*optimizer.get('param_groups', ()), optimizer.get('base_param_settings') or {}]
    for group in settings:
        group |= {name: group[name] * rate for name in _RATES if name in group}
    for state in checkpoint.get('param_schedulers', ()):
        _count_schedule_anew(state, share, rate)
    return True


def _count_schedule_anew(state: dict[str, Any], share: float, rate: float) -> None:
    if not state.get('by_epoch'):
        for name in _COUNTS:
            if isinstance(state.get(name), int) and state[name] < _ENDLESS:
                state[name] = round(state[name] * share)
        if isinstance(state.get('milestones'), Mapping):
            milestones = {round(at * share): times for at, times in state['milestones'].items()}
            state['milestones'] = type(state['milestones'])(milestones)
    if state.get('param_name') == 'lr':
        for name in ('base_values', '_last_value'):
            if name in state:
                state[name] = [value * rate for value in state[name]]
