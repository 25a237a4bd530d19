"""The learning rate of a resumed run whose end, batch size or rate was changed.

mmengine 0.10.7 restores the old schedule and optimizer settings, whatever the config says. Here:

- The schedule is rebuilt from the config and advanced to the position of the checkpoint. From then
  on the run follows the schedule of a run that had these settings from the start.
- Numbers in `param_scheduler` that equal the old end (`end`, `T_max`, `total_steps`) become the new
  end, and milestones move in proportion, unless milestones or types of schedulers were changed.
- The share of the full learning rate is continuous: the difference between the old and the new
  schedule fades out linearly over one epoch, or over the rest of the training if that is shorter.
  A cosine that had reached 0 at its old end rises within one epoch to the new schedule.
- A change of the full learning rate, in the config or with the batch size, acts at once. So do
  other settings of the optimizer (weight decay, momentum, betas); its state is kept.
- If an epoch has another number of iterations, the position is converted.
"""

import copy
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from mmengine.dist import get_world_size
from mmengine.optim.scheduler.param_scheduler import _ParamScheduler
from mmengine.runner import Runner

from isic_mmdet.engine.config.recorded_config import Change
from isic_mmdet.engine.train.checkpoints import ITERATIONS
from isic_mmdet.errors import InputError

# Keys of the messages that the runner keeps with its checkpoints: see `ramp_at`, and the end, in
# epochs and in iterations, that the numbers in `param_scheduler` are written for.
RAMP = 'rate_ramp'
WRITTEN_FOR = 'schedule_written_for'

_SCHEDULE = ('optim_wrapper.optimizer', 'param_scheduler', 'auto_scale_lr', 'train_cfg.max_')
BATCH = 'global_batch_size'  # key of a checkpoint's `meta`
_ENDLESS = int(1e9)  # of mmengine's schedulers
_NEGLIGIBLE = 1e-6  # share of the full rate


class EpochLength(NamedTuple):
    """The iterations of an epoch, and the images per step of all processes together."""

    iterations: int
    batch: int

    @classmethod
    def of(cls, runner: Runner) -> 'EpochLength':
        """Return the length in a run."""
        loader = runner.train_dataloader
        return cls(len(loader), loader.batch_sampler.batch_size * get_world_size())


def ramp_at(runtime_info: Mapping[str, Any], iteration: int) -> list[float]:
    """Return what the next step adds to the learning rate of each group; [] for nothing.

    Args:
        runtime_info: messages of a run or a checkpoint. After a resumption at the iteration
            `start`, the `offsets` (old rate minus new rate) fade out within `steps`.
        iteration: number of finished steps.
    """
    ramp = runtime_info.get(RAMP)
    if ramp is None or iteration >= ramp['start'] + ramp['steps']:
        return []
    share = 1 - (iteration - ramp['start'] + 1) / ramp['steps']
    return [offset * share for offset in ramp['offsets']]


def rebuild_schedule(
    runner: Runner, checkpoint: dict[str, Any], changed: Sequence[Change]
) -> list[str]:
    """Change optimizer settings and schedulers of a checkpoint to those of the config, in place.

    Without changes nothing is touched, so that the run continues bit for bit.

    Args:
        runner: with train loop, optimizer and schedulers as at the first iteration.
        checkpoint: the checkpoint that is being loaded.
        changed: settings that differ between checkpoint and config.

    Returns:
        Lines for the log.
    """
    meta, info = checkpoint['meta'], checkpoint['message_hub']['runtime_info']
    length = EpochLength.of(runner)
    before = EpochLength(meta.get(ITERATIONS, length.iterations), meta.get(BATCH, length.batch))
    relevant = [change for change in changed if change.key.startswith(_SCHEDULE)]
    if before == length and not relevant:
        return []
    old_groups = param_groups(checkpoint['optimizer'])
    added = ramp_at(info, meta['iter']) or [0.0] * len(old_groups)
    old_rates = [group['lr'] + offset for group, offset in zip(old_groups, added, strict=True)]
    inside = meta['iter'] - meta['epoch'] * before.iterations
    share = length.iterations / before.iterations
    meta['iter'] = meta['epoch'] * length.iterations + int(inside * share)
    _fit_to_end(runner, info, relevant)
    _advance(runner.param_schedulers or [], meta, length)
    new_groups = runner.optim_wrapper.param_groups
    offsets = []
    for old, rate, new in zip(old_groups, old_rates, new_groups, strict=True):
        old_full, new_full = (group.get('initial_lr', group['lr']) for group in (old, new))
        offset = rate / old_full * new_full - new['lr'] if old_full else 0.0
        offsets.append(offset if abs(offset) > _NEGLIGIBLE * new_full else 0.0)
    steps = min(length.iterations, runner.max_iters - meta['iter'])
    is_jump = steps > 0 and any(offsets)
    ramp = {'start': meta['iter'], 'steps': steps, 'offsets': offsets}
    info[RAMP] = ramp if is_jump else None
    checkpoint['message_hub']['resumed_keys'] |= {RAMP: True, WRITTEN_FOR: True}
    for old, new in zip(old_groups, new_groups, strict=True):
        old |= {name: value for name, value in new.items() if name != 'params'}
    checkpoint['param_schedulers'] = [each.state_dict() for each in runner.param_schedulers or []]
    reasons = [str(change) for change in relevant]
    if before != length:
        reasons.append(f'batch size {before.batch} -> {length.batch}')
        reasons.append(f'iterations per epoch {before.iterations} -> {length.iterations}')
    rate = f'the learning rate goes from {old_rates[-1]:.3g} to {new_groups[-1]["lr"]:.3g}'
    over = f' over {steps} steps' if is_jump else ''
    return [f'the schedule is rebuilt ({", ".join(reasons)}); {rate}{over}']


def param_groups(optimizer: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the groups in the state of an `OptimWrapper`, in the order of its `param_groups`."""
    base = optimizer.get('base_param_settings')
    return [*optimizer['param_groups'], *([base] if base else [])]


def _fit_to_end(runner: Runner, info: dict[str, Any], relevant: Sequence[Change]) -> None:
    """Rebuild the schedulers if the numbers of the config are written for another end."""
    now = (runner.max_epochs, runner.max_iters)
    for change in relevant:
        name, *rest = change.key.split('.')
        # `small_data` may change an end too.
        if name == 'param_scheduler' and (len(rest) < 2 or rest[1] in ('type', 'milestones')):
            info[WRITTEN_FOR] = now
            return
    # If the checkpoint does not record it, its run always had the same end.
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
        # torch warns about schedulers that step before the optimizer; here no optimizer steps.
        warnings.simplefilter('ignore', UserWarning)
        for done in range(1, meta['iter'] + 1):
            is_end = done % length.iterations == 0 and done <= meta['epoch'] * length.iterations
            for scheduler in schedulers:
                if not scheduler.by_epoch or is_end:
                    scheduler.step()
