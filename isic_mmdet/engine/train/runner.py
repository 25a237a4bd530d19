"""Training loops of mmengine, brought to the one of this project before anything is built.

`ResumableEpochTrainLoop` can be interrupted anywhere, resumes bit for bit, and names the images of
a faulty batch. It goes through the same batches as the loops it stands for:

- `EpochBasedTrainLoop` has the same settings.
- `IterBasedTrainLoop` goes through the data without an end. An epoch is then what lies between two
  validations, and a `FixedLengthSampler` deals out its images: passes over the data set, one after
  the other, whatever the length of an epoch.

What an iteration-based config counts in epochs would mean something else, and is refused.
"""

import logging
import math
from collections.abc import Iterable, Iterator, Mapping

from mmdet.registry import LOOPS
from mmengine.config import Config
from mmengine.logging import print_log
from mmengine.runner import Runner

from isic_mmdet.engine.checks.loaders import type_name
from isic_mmdet.engine.config.load import configured_hooks
from isic_mmdet.engine.hooks.finite_training_hook import FiniteTrainingHook
from isic_mmdet.engine.hooks.loaded_weights_hook import LoadedWeightsHook
from isic_mmdet.engine.train.loop import ResumableEpochTrainLoop
from isic_mmdet.engine.train.small_data import schedules
from isic_mmdet.errors import InputError

_OURS = 'ResumableEpochTrainLoop'
_EPOCHS, _ITERATIONS = 'EpochBasedTrainLoop', 'IterBasedTrainLoop'
# Settings that may be adapted to a small data set.
_ADAPTED = ('param_scheduler', 'default_hooks.logger', 'log_processor')
_INTERVAL = 1000  # what mmengine's IterBasedTrainLoop validates after by default
# What a schedule counts with.
_COUNTS = ('begin', 'end', 'T_max', 'milestones', 'step_size', 'total_steps')


def settle_training_loop(cfg: Config, processes: int, given: Iterable[str] = ()) -> None:
    """Make a config use `ResumableEpochTrainLoop` and `SeededBatchSampler`; log what changes.

    Args:
        cfg: a whole experiment, changed in place.
        processes: that will train together.
        given: dotted names of the settings of the command line, which are not adapted to small
            data; see `keep_settings` of `ResumableEpochTrainLoop`.

    Raises:
        InputError: a setting of the loop makes no sense, or cannot be had with this loop.
    """
    loop = cfg.get('train_cfg')
    if not isinstance(loop, Mapping):
        raise InputError(
            f'{cfg.filename}: train_cfg is {loop!r}; write dict(type={_OURS!r}, max_epochs=...)'
        )
    kind = _kind(loop)
    if kind not in (_EPOCHS, _ITERATIONS) and not _is_ours(kind):
        raise InputError(
            f'train_cfg.type is {kind!r}, which cannot be resumed as this project does; write '
            f'train_cfg=dict(type={_OURS!r}, max_epochs=...)'
        )
    for name in ('max_iters' if kind == _ITERATIONS else 'max_epochs', 'val_interval'):
        value = loop.get(name, 1 if name == 'val_interval' else None)
        if type(value) not in (int, float) or value < 1 or not float(value).is_integer():
            raise InputError(f'train_cfg.{name} is {value!r}; give a whole number from 1')
    _check_rate_scaling(cfg)
    _check_checkpoint_names(cfg)
    loader = cfg.get('train_dataloader')
    if not isinstance(loader, Mapping) or type(loader.get('batch_size')) is not int:
        return  # `preflight` says so, with what else is wrong
    _settle_batch_sampler(cfg)
    kept = [name for name in given if name.startswith(_ADAPTED)]
    if kind == _ITERATIONS:
        _settle_iterations(cfg, processes)
    elif kind == _EPOCHS:
        cfg.train_cfg = {**{k: v for k, v in loop.items() if k != 'by_epoch'}, 'type': _OURS}
        _log(f'train_cfg: {_OURS} takes the place of {_EPOCHS}, for the same epochs')
    if kept:
        cfg.train_cfg.keep_settings = kept
    _settle_log(cfg)


def build_runner(cfg: Config, partial_weights: bool = False) -> Runner:
    """Return a Runner that trains only from the weights that were asked for, and only on numbers.

    Args:
        cfg: a whole experiment.
        partial_weights: train even if parts of the model are not filled, see `LoadedWeightsHook`.
    """
    runner = Runner.from_cfg(cfg)
    runner.register_hook(LoadedWeightsHook(partial_weights))
    runner.register_hook(FiniteTrainingHook())
    return runner


def _is_ours(kind: str) -> bool:
    found = LOOPS.get(kind) if kind else None
    return found is not None and issubclass(found, ResumableEpochTrainLoop)


def _kind(loop: Mapping) -> str:
    if 'type' in loop and 'by_epoch' in loop:
        raise InputError('train_cfg has a type and by_epoch; take by_epoch out')
    if 'by_epoch' in loop:
        return _EPOCHS if loop['by_epoch'] else _ITERATIONS
    return type_name(loop)


def _check_checkpoint_names(cfg: Config) -> None:
    template = (cfg.get('default_hooks', {}).get('checkpoint') or {}).get('filename_tmpl')
    if template not in (None, 'epoch_{}.pth', 'iter_{}.pth'):
        raise InputError(
            f'default_hooks.checkpoint.filename_tmpl is {template!r}, and --resume would not find '
            'such a file; take it out'
        )


def _check_rate_scaling(cfg: Config) -> None:
    """Refuse a scaling of the learning rate without its base, and say what it does not count."""
    scaling = cfg.get('auto_scale_lr') or {}
    if not scaling.get('enable'):
        return
    base = scaling.get('base_batch_size')
    if type(base) is not int or base < 1:
        raise InputError(
            f'auto_scale_lr.base_batch_size is {base!r}; give the batch size that '
            'optim_wrapper.optimizer.lr belongs to, or set auto_scale_lr.enable=False'
        )
    gathered = (cfg.get('optim_wrapper') or {}).get('accumulative_counts', 1)
    if gathered > 1:
        print_log(
            f'optim_wrapper.accumulative_counts={gathered}: an update follows from {gathered} '
            'batches, but auto_scale_lr scales the learning rate to one; set the rate for all of '
            'them, or auto_scale_lr.enable=False',
            'current',
            logging.WARNING,
        )


def _settle_batch_sampler(cfg: Config) -> None:
    loader = cfg.train_dataloader
    batches = loader.get('batch_sampler') or {}
    if type_name(batches) not in ('', 'AspectRatioBatchSampler', 'SeededBatchSampler'):
        return  # the loop refuses it
    # torch takes `drop_last` from a loader without a batch sampler only.
    drop_last = bool(loader.pop('drop_last', False) or batches.get('drop_last', False))
    settled = dict(type='SeededBatchSampler', **(dict(drop_last=True) if drop_last else {}))
    if dict(batches) != settled:
        _log(f'train_dataloader.batch_sampler: {settled} takes the place of {dict(batches)}')
        loader.batch_sampler = settled


def _settle_log(cfg: Config) -> None:
    """Log scores over what losses are logged over, epochs or iterations: plots show both."""
    by_epoch = bool(cfg.get('log_processor', {}).get('by_epoch', True))
    logger = cfg.get('default_hooks', {}).get('logger')
    if isinstance(logger, dict) and logger.get('log_metric_by_epoch', True) != by_epoch:
        logger['log_metric_by_epoch'] = by_epoch
        _log(f'default_hooks.logger.log_metric_by_epoch={by_epoch}, as log_processor.by_epoch')


def _settle_iterations(cfg: Config, processes: int) -> None:
    """Count a training in epochs that reach from one validation to the next.

    Raises:
        InputError: it cannot be counted so, or something else counts in epochs already.
    """
    loop, loader = cfg.train_cfg, cfg.train_dataloader
    iterations = int(loop.max_iters)
    interval = min(int(loop.get('val_interval', _INTERVAL)), iterations)
    faults = list(_uncountable(cfg, iterations, interval))
    if faults:
        raise InputError(
            f'{cfg.filename}: train_cfg counts iterations ({_ITERATIONS}), and that does not go '
            'with:',
            faults,
        )
    cfg.train_cfg = dict(
        type=_OURS,
        max_epochs=iterations // interval,
        val_interval=1,
        val_begin=math.ceil(loop.get('val_begin', 1) / interval),
    )
    images = interval * loader.batch_size * processes
    loader.sampler = dict(type='FixedLengthSampler', num_samples=images)
    cfg.log_processor = {**cfg.get('log_processor', {}), 'by_epoch': False}
    _log(
        f'train_cfg: {iterations} iterations are trained as {iterations // interval} epochs of '
        f'{interval} iterations, each followed by a validation; {_OURS} and FixedLengthSampler '
        f'take the place of {_ITERATIONS} and the sampler'
    )


def _uncountable(cfg: Config, iterations: int, interval: int) -> Iterator[str]:
    if iterations % interval:
        near = iterations // interval * interval
        yield (
            f'train_cfg.max_iters={iterations}, which is no multiple of val_interval={interval}; '
            f'write max_iters={near} or {near + interval}'
        )
    if cfg.train_cfg.get('dynamic_intervals'):
        yield 'train_cfg.dynamic_intervals; take them out'
    sampler = cfg.train_dataloader.get('sampler') or {}
    kinds = ('InfiniteSampler', 'DefaultSampler', 'FixedLengthSampler')
    if type_name(sampler) not in kinds or not sampler.get('shuffle', True):
        yield (
            f'train_dataloader.sampler={dict(sampler)}; write '
            "dict(type='InfiniteSampler', shuffle=True), or train with "
            f'train_cfg=dict(type={_OURS!r}, max_epochs=...)'
        )
    for where, schedule in schedules(cfg.get('param_scheduler')):
        counted = [key for key in _COUNTS if schedule.get(key)]
        if schedule.get('by_epoch', True) and counted:
            yield (
                f'{where} ({type_name(schedule)}), which counts {", ".join(counted)} in epochs; '
                'write by_epoch=False and iterations'
            )
    for where, hook in configured_hooks(cfg):
        stages = [stage.get('begin') for stage in hook.get('stages', ()) if stage.get('begin')]
        counted = [
            key for key, value in hook.items() if 'epoch' in key and type(value) is int and value
        ]
        if stages or counted:
            yield (
                f'{where} ({type_name(hook)}), which counts epochs; train with '
                f'train_cfg=dict(type={_OURS!r}, max_epochs=...)'
            )


def _log(message: str) -> None:
    print_log(message, 'current')
