"""Settings that are adapted to a small data set before the first step.

With a few images, an epoch is shorter than the interval of the log, and the warm-up fills the
training. The changes depend only on the config and on the length of an epoch, so a resumed run has
the same settings. They are logged and written to `config.py` in the work dir.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from mmengine.dist import is_main_process
from mmengine.hooks import LoggerHook
from mmengine.runner import Runner
from mmengine.visualization import LocalVisBackend

from isic_mmdet.engine.checks.loaders import type_name

WARM_UP = 0.1  # largest share of the training for a warm-up
FEW_IMAGES = 30  # with fewer, a single image moves the mean IoU by more than 0.03

# Schedules that can be a warm-up, and the name of their first factor on the learning rate.
_FACTORS = {'LinearLR': 'start_factor', 'ConstantLR': 'factor'}
_DEFAULT_FACTOR = 1 / 3  # of both, in mmengine


def adapt(runner: Runner, epoch: int, total: int, kept: Collection[str] = ()) -> None:
    """Shorten the warm-up and the interval of the log if they are too long for the data set.

    A warm-up takes at most a tenth of the training; if that is less than two iterations, it is
    removed. A schedule that begins at the end of the warm-up still does; one that counts epochs
    begins with the training. The losses are logged at least once per epoch.

    Args:
        runner: whose schedules are not built yet; changed in place, with its config.
        epoch: iterations per epoch.
        total: iterations of the training.
        kept: dotted names of settings, or of their parents, that are not changed.
    """
    changes: dict[str, Any] = {}
    for key, schedule, settings in _warm_up_changes(runner.param_schedulers, epoch, total, kept):
        schedule.update(settings)
        changes |= {f'{key}.{name}': value for name, value in settings.items()}
    lengths = [
        ('default_hooks.logger', hook, 'interval')
        for hook in runner.hooks
        if isinstance(hook, LoggerHook)
    ]
    for key, owner, name in [*lengths, ('log_processor', runner.log_processor, 'window_size')]:
        if getattr(owner, name) > epoch and not _is_kept(f'{key}.{name}', kept):
            setattr(owner, name, epoch)
            changes[f'{key}.{name}'] = epoch
    if not changes:
        return
    runner.cfg.merge_from_dict(changes)
    # The Runner wrote its config to these places already.
    runner.dump_config()
    if is_main_process():
        for backend in runner.visualizer._vis_backends.values():
            if isinstance(backend, LocalVisBackend):
                backend.add_config(runner.cfg)
    text = ', '.join(f'{key}={value}' for key, value in changes.items())
    runner.logger.warning(
        f'adapted to {epoch} iterations per epoch, {total} in all: {text} (a warm-up takes at most '
        'a tenth of the training, and losses are logged every epoch)'
    )


def warn_of_validation(runner: Runner) -> None:
    """Log a warning if there is no validation, or one with few images."""
    loop, validation = runner.train_loop, runner.val_loop
    if validation is None or loop.val_begin > loop.max_epochs:
        runner.logger.warning(
            'there will be no validation (no val_dataloader, or train_cfg.val_begin is after the '
            'last epoch): no scores, no best checkpoint and no early stopping'
        )
    elif (images := len(validation.dataloader.dataset)) < FEW_IMAGES:
        runner.logger.warning(
            f'the validation set has {images} images, so one image moves lesion/iou by up to '
            f'{1 / images:.2f}: the choice of the best checkpoint and early stopping depend on '
            'chance'
        )


def schedules(config: Any, key: str = 'param_scheduler') -> Iterator[tuple[str, Any]]:
    """Yield the dotted name and the config of each schedule in a `param_scheduler`."""
    if isinstance(config, Mapping) and 'type' in config:
        yield key, config
    elif isinstance(config, Mapping):
        for name, part in config.items():
            yield from schedules(part, f'{key}.{name}')
    elif isinstance(config, (list, tuple)):
        for index, part in enumerate(config):
            yield from schedules(part, f'{key}.{index}')


def _warm_up_changes(
    config: Any, epoch: int, total: int, kept: Collection[str]
) -> Iterator[tuple[str, Any, dict[str, Any]]]:
    """Yield name, config and new settings of each schedule that must change."""
    limit = int(total * WARM_UP)
    found = list(schedules(config))
    for key, schedule in found:
        factor = _FACTORS.get(type_name(schedule))
        end, by_epoch = schedule.get('end'), schedule.get('by_epoch', True)
        if factor is None or end is None or schedule.get('begin', 0) != 0:
            continue
        if schedule.get(factor, _DEFAULT_FACTOR) >= schedule.get('end_factor', 1):
            continue  # the rate does not rise
        steps = end * epoch if by_epoch else end
        shortened = steps > limit and not _is_kept(f'{key}.end', kept)
        # In mmengine a warm-up of one step keeps its first factor forever.
        is_single = end == 1 and not (by_epoch and schedule.get('convert_to_iter_based'))
        if not (shortened or is_single):
            continue
        steps = min(steps, limit) if shortened else steps
        settings = {'end': steps} if steps > 1 else {'end': 1, factor: 1.0}
        if by_epoch:
            settings |= {'by_epoch': False, 'convert_to_iter_based': False}
        yield key, schedule, settings
        for other_key, other in found:
            if other.get('begin') == end and other.get('by_epoch', True) == by_epoch:
                begin = 0 if by_epoch or steps < 2 else steps
                shift = {'begin': begin}
                if other.get('T_max'):
                    shift['T_max'] = other['T_max'] + end - begin
                yield other_key, other, shift


def _is_kept(key: str, kept: Collection[str]) -> bool:
    return any(key == name or key.startswith(f'{name}.') for name in kept)
