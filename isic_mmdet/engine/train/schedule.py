"""The learning rate of a resumed run whose end, batch size or rate was changed.

The rule:

- The schedule is rebuilt from the config and advanced to the iteration of the checkpoint. From
  there on the run follows the schedule that it would have had with these settings from the start;
  a cosine reaches its minimum at the new end.
- Numbers in `param_scheduler` that name the old end (`end`, `T_max`, `total_steps`) name the new
  one, and milestones move in proportion, unless milestones or kinds of schedulers were changed.
- The share of the full learning rate is continuous. The difference between the old and the new
  schedule fades out linearly over one epoch (or what is left of the training, if that is less).
  So a cosine that had reached 0 at its old end rises within one epoch to the new schedule.
- A full learning rate that was changed, in the config or with the batch size, acts at once.
- Other settings of the optimizer (weight decay, momentum, betas) act at once; its state, such as
  the momentum, is kept.

mmengine 0.10.7 restores the old schedule and the old settings of the optimizer instead, whatever
the config says.
"""

import copy
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from mmengine.dist import get_world_size
from mmengine.optim.scheduler.param_scheduler import _ParamScheduler
from mmengine.runner import Runner

from isic_mmdet.engine.config.recorded_config import Change
from isic_mmdet.engine.train.checkpoints import ITERATIONS
from isic_mmdet.errors import InputError

# Of the messages that the runner keeps with its checkpoints: a `RateRamp` as a dict, and the end,
# in epochs and in iterations, for which the numbers in `param_scheduler` are written.
RAMP = 'rate_ramp'
WRITTEN_FOR = 'schedule_written_for'

_SCHEDULE = ('optim_wrapper.optimizer', 'param_scheduler', 'auto_scale_lr', 'train_cfg.max_')
# Of a checkpoint's `meta`.
_BATCH = 'global_batch_size'
_ENDLESS = int(1e9)  # of mmengine's schedulers
_NEGLIGIBLE = 1e-6  # share of the full rate


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


@dataclass(frozen=True)
class RateRamp:
    """What is added to the learning rates of the schedule after a resumption.

    Attributes:
        start: iteration of the resumption.
        steps: after so many steps nothing is added any more.
        offsets: old rate minus new rate at `start`, one for each parameter group.
    """

    start: int
    steps: int
    offsets: list[float]

    def at(self, iteration: int) -> list[float]:
        """Return what is added at the step that begins after `iteration` steps."""
        share = 1 - (iteration - self.start + 1) / self.steps
        return [offset * max(0.0, share) for offset in self.offsets]


def ramp_of(runtime_info: Mapping[str, Any]) -> RateRamp | None:
    """Return the ramp that a run, or a checkpoint, keeps in its messages."""
    state = runtime_info.get(RAMP)
    return None if state is None else RateRamp(**state)


def rebuild_schedule(
    runner: Runner, checkpoint: dict[str, Any], changed: Sequence[Change]
) -> list[str]:
    """Bring optimizer settings and schedulers of a checkpoint to the config of the run, in place.

    Nothing is touched if nothing was changed, so that such a run continues bit for bit.

    Args:
        runner: its train loop, optimizer and schedulers are built, and as at the first iteration.
        checkpoint: that is being loaded.
        changed: settings that differ between checkpoint and config.

    Returns:
        Lines for the log.

    Raises:
        InputError: a scheduler would begin after the new end.
    """
    meta, info = checkpoint['meta'], checkpoint['message_hub']['runtime_info']
    length = EpochLength.of(runner)
    before = EpochLength.recorded(meta, length)
    relevant = [change for change in changed if change.key.startswith(_SCHEDULE)]
    if before == length and not relevant:
        return []
    old_groups = _groups(checkpoint['optimizer'])
    old_rates = _rates(old_groups, ramp_of(info), meta['iter'])
    count_anew(meta, length)
    _fit_to_end(runner, info, relevant)
    _advance(runner.param_schedulers or [], meta, length)
    new_groups = runner.optim_wrapper.param_groups
    offsets = list(_offsets(old_groups, old_rates, new_groups))
    steps = min(length.iterations, runner.max_iters - meta['iter'])
    is_jump = steps > 0 and any(offsets)
    info[RAMP] = asdict(RateRamp(meta['iter'], steps, offsets)) if is_jump else None
    checkpoint['message_hub']['resumed_keys'] |= {RAMP: True, WRITTEN_FOR: True}
    for old, new in zip(old_groups, new_groups, strict=True):
        old |= {name: value for name, value in new.items() if name != 'params'}
    checkpoint['param_schedulers'] = [
        scheduler.state_dict() for scheduler in runner.param_schedulers or []
    ]
    ends = _ends(runner, before, relevant)
    rate = f'the learning rate goes from {old_rates[-1]:.3g} to {new_groups[-1]["lr"]:.3g}'
    over = f' over {steps} steps' if is_jump else ''
    return [f'the schedule is rebuilt{ends}; {rate}{over}']


def _ends(runner: Runner, before: EpochLength, relevant: Sequence[Change]) -> str:
    parts = [str(change) for change in relevant if change.key.startswith('train_cfg.max_')]
    now = EpochLength.of(runner)
    if before != now:
        parts.append(f'batch size {before.batch} -> {now.batch}')
        parts.append(f'iterations an epoch {before.iterations} -> {now.iterations}')
    return f' ({", ".join(parts)})' if parts else ''


def _groups(optimizer: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the groups in the state of an `OptimWrapper`, in the order of its `param_groups`."""
    base = optimizer.get('base_param_settings')
    return [*optimizer['param_groups'], *([base] if base else [])]


def _rates(
    groups: Sequence[Mapping[str, Any]], ramp: RateRamp | None, iteration: int
) -> list[float]:
    added = ramp.at(iteration) if ramp else [0.0] * len(groups)
    return [group['lr'] + offset for group, offset in zip(groups, added, strict=True)]


def _offsets(
    old_groups: Sequence[Mapping[str, Any]],
    old_rates: Sequence[float],
    new_groups: Sequence[Mapping[str, Any]],
) -> Iterator[float]:
    for old, rate, new in zip(old_groups, old_rates, new_groups, strict=True):
        old_full, new_full = (group.get('initial_lr', group['lr']) for group in (old, new))
        offset = rate / old_full * new_full - new['lr'] if old_full else 0.0
        yield offset if abs(offset) > _NEGLIGIBLE * new_full else 0.0


def _fit_to_end(runner: Runner, info: dict[str, Any], relevant: Sequence[Change]) -> None:
    """Build the schedulers again if the config's numbers are written for another end."""
    now = (runner.max_epochs, runner.max_iters)
    if any(_is_another_schedule(change.key) for change in relevant):
        info[WRITTEN_FOR] = now
        return
    # A checkpoint that does not record it is of a run that always had the same end.
    old = (info.get('max_epochs', now[0]), info.get('max_iters', now[1]))
    written_for = info.setdefault(WRITTEN_FOR, old)
    configured = runner.cfg.get('param_scheduler') or []
    schedulers = configured if isinstance(configured, (list, tuple)) else [configured]
    fitted = [_fitted(scheduler, written_for, now) for scheduler in schedulers]
    if fitted == list(schedulers):
        return
    for group in runner.optim_wrapper.param_groups:
        for name in [name for name in group if name.startswith('initial_')]:
            group[name.removeprefix('initial_')] = group[name]
    runner.param_schedulers = runner.build_param_scheduler(fitted)


def _is_another_schedule(key: str) -> bool:
    """Tell whether a change is more than an end, which may have been adapted to small data."""
    name, *rest = key.split('.')
    return name == 'param_scheduler' and (len(rest) < 2 or rest[1] in ('type', 'milestones'))


def _fitted(scheduler: Mapping[str, Any], old: Sequence[int], new: Sequence[int]) -> dict[str, Any]:
    fitted = copy.deepcopy(dict(scheduler))
    unit = 0 if fitted.get('by_epoch', True) else 1
    old_end, new_end, begin = old[unit], new[unit], fitted.get('begin', 0)
    if begin >= new_end:
        raise InputError(
            f'the training ends at {new_end}, before {fitted["type"]} of param_scheduler begins '
            f'({begin}); set its begin, or train longer'
        )
    if fitted.get('end', old_end) not in (old_end, _ENDLESS):
        return fitted  # a part of the schedule, such as the warm-up
    for name in ('end', 'T_max', 'total_steps'):
        if fitted.get(name) == old_end:
            fitted[name] = new_end
        elif name != 'end' and fitted.get(name) == old_end - begin:
            fitted[name] = new_end - begin
    if 'milestones' in fitted:
        fitted['milestones'] = [round(at * new_end / old_end) for at in fitted['milestones']]
    return fitted


def _advance(
    schedulers: Sequence[_ParamScheduler], meta: Mapping[str, Any], length: EpochLength
) -> None:
    """Make the steps that `ParamSchedulerHook` would have made until the checkpoint."""
    with warnings.catch_warnings():
        # torch's order of the steps of optimizer and scheduler; there is no optimizer here.
        warnings.simplefilter('ignore', UserWarning)
        for done in range(1, meta['iter'] + 1):
            is_end = done % length.iterations == 0 and done <= meta['epoch'] * length.iterations
            for scheduler in schedulers:
                if not scheduler.by_epoch or is_end:
                    scheduler.step()
