"""The Runner of a training, and the loop that a config gets before the Runner is built.

`ResumableEpochTrainLoop` replaces the loops of mmengine and uses the same batches. An
`IterBasedTrainLoop` repeats the data set without end: the part between two validations becomes an
epoch, and a `FixedLengthSampler` keeps repeating the data set across the epochs. Such a config must
not count anything else in epochs, because its meaning would change.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from mmdet.registry import LOOPS
from mmengine.config import Config
from mmengine.logging import MMLogger, print_log

from isic_mmdet.engine.checks.loaders import type_name
from isic_mmdet.engine.config.hooks import configured_hooks
from isic_mmdet.engine.console_runner import ConsoleRunner
from isic_mmdet.engine.hooks.finite_training_hook import FiniteTrainingHook
from isic_mmdet.engine.hooks.loaded_weights_hook import LoadedWeightsHook
from isic_mmdet.engine.train.loop import ResumableEpochTrainLoop
from isic_mmdet.engine.train.small_data import schedules
from isic_mmdet.errors import InputError

_LOOP = 'ResumableEpochTrainLoop'
_EPOCHS, _ITERATIONS = 'EpochBasedTrainLoop', 'IterBasedTrainLoop'
_WRITE_EPOCHS = f'train_cfg=dict(type={_LOOP!r}, max_epochs=...)'
# Settings that may be adapted to a small data set.
_ADAPTED = ('param_scheduler', 'default_hooks.logger', 'log_processor')
_INTERVAL = 1000  # default val_interval of mmengine's IterBasedTrainLoop
# Settings of a schedule that count epochs or iterations.
_COUNTS = ('begin', 'end', 'T_max', 'milestones', 'step_size', 'total_steps')


def build_runner(
    cfg: Config, partial_weights: bool = False, test_command: Sequence[str] = ()
) -> ConsoleRunner:
    """Return a Runner that checks the initial weights, and that all numbers are finite.

    Args:
        cfg: of the experiment.
        partial_weights: accept initial weights that fill a part of the model.
        test_command: printed at the end, see `ConsoleHook`.
    """
    runner = ConsoleRunner.from_cfg(cfg)
    runner.console.test_command = test_command
    runner.register_hook(LoadedWeightsHook(partial_weights))
    runner.register_hook(FiniteTrainingHook())
    return runner


def use_resumable_loop(cfg: Config, processes: int, given: Iterable[str] = ()) -> None:
    """Make a config use `ResumableEpochTrainLoop` and `SeededBatchSampler`; log the changes.

    Args:
        cfg: of the experiment, changed in place.
        processes: number of processes of the training.
        given: dotted names of the settings of the command line, which are not adapted to small
            data; see `keep_settings` of `ResumableEpochTrainLoop`.

    Raises:
        InputError: a setting of the loop is invalid or not supported by this loop.
    """
    loop = cfg.get('train_cfg')
    kind = _kind(loop) if isinstance(loop, Mapping) else ''
    found = LOOPS.get(kind) if kind else None
    is_resumable = found is not None and issubclass(found, ResumableEpochTrainLoop)
    if kind not in (_EPOCHS, _ITERATIONS) and not is_resumable:
        raise InputError(
            f'{cfg.filename}: train_cfg is {loop!r}, which cannot be resumed exactly; write '
            f'{_WRITE_EPOCHS}'
        )
    for name in ('max_iters' if kind == _ITERATIONS else 'max_epochs', 'val_interval'):
        value = loop.get(name, 1 if name == 'val_interval' else None)
        if type(value) not in (int, float) or value < 1 or not float(value).is_integer():
            raise InputError(f'train_cfg.{name} is {value!r}; give a whole number from 1')
    _check_rate_scaling(cfg)
    template = (cfg.get('default_hooks', {}).get('checkpoint') or {}).get('filename_tmpl')
    if template not in (None, 'epoch_{}.pth', 'iter_{}.pth'):
        raise InputError(
            f'default_hooks.checkpoint.filename_tmpl is {template!r}, and --resume would not find '
            'such a file; remove this setting'
        )
    loader = cfg.get('train_dataloader')
    if not isinstance(loader, Mapping) or type(loader.get('batch_size')) is not int:
        return  # `preflight` reports this with all other errors
    _use_seeded_batches(cfg.train_dataloader)
    if kind == _ITERATIONS:
        _count_in_epochs(cfg, processes)
    elif kind == _EPOCHS:
        cfg.train_cfg = {**{k: v for k, v in loop.items() if k != 'by_epoch'}, 'type': _LOOP}
        print_log(f'train_cfg: {_LOOP} replaces {_EPOCHS}, for the same epochs', 'current')
    kept = [name for name in given if name.startswith(_ADAPTED)]
    if kept:
        cfg.train_cfg.keep_settings = kept
    # Plots show scores and losses on one axis.
    by_epoch = bool(cfg.get('log_processor', {}).get('by_epoch', True))
    logger = cfg.get('default_hooks', {}).get('logger')
    if isinstance(logger, dict) and logger.get('log_metric_by_epoch', True) != by_epoch:
        logger['log_metric_by_epoch'] = by_epoch
        print_log(f'log_metric_by_epoch={by_epoch}, as log_processor.by_epoch', 'current')


def _kind(loop: Mapping[str, Any]) -> str:
    if 'type' in loop and 'by_epoch' in loop:
        raise InputError('train_cfg has a type and by_epoch; remove by_epoch')
    if 'by_epoch' in loop:
        return _EPOCHS if loop['by_epoch'] else _ITERATIONS
    return type_name(loop)


def _check_rate_scaling(cfg: Config) -> None:
    """Refuse `auto_scale_lr` without its base; warn that it ignores gradient accumulation."""
    scaling = cfg.get('auto_scale_lr') or {}
    if not scaling.get('enable'):
        return
    base = scaling.get('base_batch_size')
    if type(base) is not int or base < 1:
        raise InputError(
            f'auto_scale_lr.base_batch_size is {base!r}; give the batch size that '
            'optim_wrapper.optimizer.lr belongs to, or set auto_scale_lr.enable=False'
        )
    batches = (cfg.get('optim_wrapper') or {}).get('accumulative_counts', 1)
    if batches > 1:
        MMLogger.get_current_instance().warning(
            f'optim_wrapper.accumulative_counts={batches}: an update uses {batches} batches, but '
            'auto_scale_lr scales the learning rate to one; set the rate for all of them, or '
            'auto_scale_lr.enable=False'
        )


def _use_seeded_batches(loader: dict[str, Any]) -> None:
    batches = loader.get('batch_sampler') or {}
    if type_name(batches) not in ('', 'AspectRatioBatchSampler', 'SeededBatchSampler'):
        return  # the loop refuses it
    # torch allows `drop_last` only in a loader without a batch sampler.
    drop_last = bool(loader.pop('drop_last', False) or batches.get('drop_last', False))
    seeded = dict(type='SeededBatchSampler', **(dict(drop_last=True) if drop_last else {}))
    if dict(batches) != seeded:
        print_log(f'train_dataloader.batch_sampler: {seeded}, not {dict(batches)}', 'current')
        loader['batch_sampler'] = seeded


def _count_in_epochs(cfg: Config, processes: int) -> None:
    """Turn the iterations between two validations into an epoch."""
    loop, loader = cfg.train_cfg, cfg.train_dataloader
    iterations = int(loop.max_iters)
    interval = min(int(loop.get('val_interval', _INTERVAL)), iterations)
    problems = list(_uncountable(cfg, iterations, interval))
    if problems:
        raise InputError(
            f'{cfg.filename}: train_cfg counts iterations ({_ITERATIONS}), which does not work '
            'with:',
            problems,
        )
    cfg.train_cfg = dict(
        type=_LOOP,
        max_epochs=iterations // interval,
        val_interval=1,
        val_begin=math.ceil(loop.get('val_begin', 1) / interval),
    )
    images = interval * loader.batch_size * processes
    loader.sampler = dict(type='FixedLengthSampler', num_samples=images)
    cfg.log_processor = {**cfg.get('log_processor', {}), 'by_epoch': False}
    print_log(
        f'train_cfg: {iterations} iterations are trained as {iterations // interval} epochs of '
        f'{interval} iterations, each followed by a validation; {_LOOP} and FixedLengthSampler '
        f'replace {_ITERATIONS} and the sampler',
        'current',
    )


def _uncountable(cfg: Config, iterations: int, interval: int) -> Iterator[str]:
    if iterations % interval:
        near = iterations // interval * interval
        yield (
            f'train_cfg.max_iters={iterations}, which is no multiple of val_interval={interval}; '
            f'write max_iters={near} or {near + interval}'
        )
    if cfg.train_cfg.get('dynamic_intervals'):
        yield 'train_cfg.dynamic_intervals; remove them'
    sampler = cfg.train_dataloader.get('sampler') or {}
    kinds = ('InfiniteSampler', 'DefaultSampler', 'FixedLengthSampler')
    if type_name(sampler) not in kinds or not sampler.get('shuffle', True):
        yield (
            f'train_dataloader.sampler={dict(sampler)}; write '
            f"dict(type='InfiniteSampler', shuffle=True), or train with {_WRITE_EPOCHS}"
        )
    for where, schedule in schedules(cfg.get('param_scheduler')):
        counted = [key for key in _COUNTS if schedule.get(key)]
        if schedule.get('by_epoch', True) and counted:
            yield (
                f'{where} ({type_name(schedule)}), which counts {", ".join(counted)} in epochs; '
                'write by_epoch=False and iterations'
            )
    for where, hook in configured_hooks(cfg):
        stages = any(stage.get('begin') for stage in hook.get('stages', ()))
        if stages or any('epoch' in k and type(v) is int and v for k, v in hook.items()):
            yield f'{where} ({type_name(hook)}), which counts epochs; train with {_WRITE_EPOCHS}'
