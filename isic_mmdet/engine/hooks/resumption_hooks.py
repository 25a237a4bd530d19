"""Hooks that make a resumed run end like one that was never stopped."""

import os
import random
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmdet.registry import HOOKS
from mmengine.dist import is_main_process
from mmengine.hooks import EarlyStoppingHook, Hook
from mmengine.runner import BaseLoop, Runner

from isic_mmdet.engine.config.recorded_config import recorded_changes
from isic_mmdet.engine.train.checkpoints import (
    ENDED_EARLY,
    INTERRUPTED,
    ITERATIONS,
    VALIDATED,
    adopt_paths,
    holds,
)
from isic_mmdet.engine.train.schedule import (
    BATCH,
    EpochLength,
    param_groups,
    ramp_at,
    rebuild_schedule,
)

_SCALARS = 'scalars.json'
_LENGTH = 'scalars_bytes'  # key of a checkpoint's `meta`
_STOPPING = 'early_stopping'  # key of its messages


@HOOKS.register_module()
class PerStepSeedHook(Hook):
    """Seeds all generators before every step, by seed, step and process.

    The heads sample proposals at random. With this hook a resumed run samples the same ones, and
    no generator is saved. `isic_mmdet.datasets.samplers` does the same for the images.
    """

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        """Seed the generators of torch, NumPy and `random`."""
        entropy = (runner.seed, runner.iter, runner.rank)
        state = np.random.SeedSequence(entropy).generate_state(3)
        torch.manual_seed(int(state[0]))
        np.random.seed(state[1])
        random.seed(int(state[2]))


@HOOKS.register_module()
class RunStateHook(Hook):
    """Saves the last validated epoch, and the lengths of an epoch and of `scalars.json`."""

    priority = 'LOW'  # before CheckpointHook, which saves the best epoch after its validation

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Note the validated epoch."""
        if hasattr(runner.train_loop, 'epoch'):
            runner.message_hub.update_info(VALIDATED, runner.epoch)

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        """Note the lengths."""
        length, scalars = EpochLength.of(runner), Path(runner.work_dir, _SCALARS)
        checkpoint['meta'] |= {
            ITERATIONS: length.iterations,
            BATCH: length.batch,
            _LENGTH: scalars.stat().st_size if scalars.is_file() else 0,
        }


@HOOKS.register_module()
class ResumeHook(Hook):
    """Makes a resumed run train and log as if it had not been interrupted.

    - The paths in the checkpoint become those of this run, see `adopt_paths`.
    - Changed settings act, see `isic_mmdet.engine.train.schedule`, and are logged.
    - Lines of `scalars.json` that are newer than the checkpoint are removed.
    - A checkpoint is written before the validation of its epoch. If the run stopped in between, the
      validation is made first. The last checkpoint is written again after its validation.
    """

    priority = 'LOWEST'  # after all others are ready for a validation, and after CheckpointHook

    def __init__(self) -> None:
        self._scalars_bytes: int | None = None
        self._saved_at = -1
        self._saved_as: Path | None = None
        self._saved_validation: int | None = None

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        """Adapt the checkpoint of a resumed training to this run."""
        if not runner._resume or 'optimizer' not in checkpoint:
            return
        hub = checkpoint['message_hub']
        is_own = holds(runner.work_dir, runner._load_from)
        if is_own:
            self._scalars_bytes = checkpoint['meta'].get(_LENGTH)
            self._saved_validation = hub['runtime_info'].get(VALIDATED)
            self._saved_as = Path(runner._load_from)
        notes = adopt_paths(hub['runtime_info'], runner.work_dir, is_own)
        changed = recorded_changes(runner.cfg, checkpoint)
        notes += [f'changed since the checkpoint, from here on: {change}' for change in changed]
        notes += rebuild_schedule(runner, checkpoint, changed)
        known = {*hub['runtime_info'], *hub['log_scalars']}
        hub['resumed_keys'] = {k: v for k, v in hub['resumed_keys'].items() if k in known}
        if is_own:
            self._saved_at = checkpoint['meta']['iter']
        for note in notes:
            runner.logger.info(note)

    def before_train(self, runner: Runner) -> None:
        """Cut the log to the length that it had, and validate if that is due."""
        if not runner._resume or not runner._has_loaded:
            return
        scalars = Path(runner.work_dir, _SCALARS)
        if is_main_process() and self._scalars_bytes is not None and scalars.is_file():
            os.truncate(scalars, min(self._scalars_bytes, scalars.stat().st_size))
        if _validation_is_due(runner):
            runner.logger.info(f'validating epoch {runner.epoch}, which was not validated before')
            runner.val_loop.run()

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        """Remember the last checkpoint from which training can be resumed."""
        if 'optimizer' in checkpoint:
            info = runner.message_hub.runtime_info
            self._saved_at = runner.iter
            self._saved_as = Path(info['last_ckpt']) if info.get('last_ckpt') else None
            self._saved_validation = info.get(VALIDATED)

    def after_train_epoch(self, runner: Runner) -> None:
        """Remove `interrupted.pth` if the epoch was saved."""
        if self._saved_at == runner.iter and is_main_process():
            runner.train_loop.saved()
            Path(runner.work_dir, INTERRUPTED).unlink(missing_ok=True)

    def after_train(self, runner: Runner) -> None:
        """Write the last checkpoint again if it does not record how the training ended."""
        loop, hub = runner.train_loop, runner.message_hub
        ended_early = bool(loop.stop_training) and runner.iter < loop.max_iters
        hub.update_info(ENDED_EARLY, ended_early)
        is_recorded = self._saved_validation == hub.runtime_info.get(VALIDATED) and not ended_early
        if self._saved_at != runner.iter or self._saved_as is None or is_recorded:
            return
        runner.save_checkpoint(
            str(self._saved_as.parent),
            self._saved_as.name,
            meta=dict(epoch=runner.epoch, iter=runner.iter),
            by_epoch=False,
            backend_args=dict(backend='atomic'),
        )


def _validation_is_due(runner: Runner) -> bool:
    loop, epoch = runner.train_loop, runner.epoch
    at_end = 0 < runner.iter == epoch * len(runner.train_dataloader)
    if runner.val_loop is None or not at_end or epoch < loop.val_begin:
        return False
    if runner.message_hub.runtime_info.get(VALIDATED) == epoch:
        return False
    loop._decide_current_val_interval()
    return epoch % loop.val_interval == 0 or epoch == loop.max_epochs


@HOOKS.register_module()
class ResumableEarlyStoppingHook(EarlyStoppingHook):
    """mmengine's hook, with a count that a resumed run continues."""

    priority = 'LOW'  # before CheckpointHook, as RunStateHook

    def before_run(self, runner: Runner) -> None:
        """Check the loop of a training; in a test, mmengine would build one, with its data."""
        if isinstance(runner._train_loop, BaseLoop):
            super().before_run(runner)

    def before_train(self, runner: Runner) -> None:
        """Restore the count of the checkpoint."""
        if _STOPPING in runner.message_hub.runtime_info:
            state: dict[str, Any] = runner.message_hub.get_info(_STOPPING)
            self.best_score, self.wait_count = state['best_score'], state['wait_count']

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float]) -> None:
        """Count, and keep the count for the next checkpoint."""
        super().after_val_epoch(runner, metrics)
        state = {'best_score': float(self.best_score), 'wait_count': self.wait_count}
        runner.message_hub.update_info(_STOPPING, state)


@HOOKS.register_module()
class RateRampHook(Hook):
    """Adds the offsets of `isic_mmdet.engine.train.schedule.ramp_at` to the learning rates.

    The schedulers compute each rate from the previous one. Therefore the rates of the schedule are
    restored after each step, before the schedulers and a checkpoint read them.
    """

    priority = 'HIGHEST'  # before the rate is logged, and before the schedulers step

    def __init__(self) -> None:
        self._scheduled: list[float] = []

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        """Set the rates of this step."""
        self._restore(runner)  # after a batch that failed
        if offsets := ramp_at(runner.message_hub.runtime_info, runner.iter):
            groups = runner.optim_wrapper.param_groups
            self._scheduled = [group['lr'] for group in groups]
            for group, offset in zip(groups, offsets, strict=True):
                group['lr'] += offset

    def after_train_iter(self, runner: Runner, *_: Any, **__: Any) -> None:
        """Restore the rates of the schedule."""
        self._restore(runner)

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        """Save the rates of the schedule, also after a step that failed."""
        if self._scheduled and 'optimizer' in checkpoint:
            groups = param_groups(checkpoint['optimizer'])
            for group, rate in zip(groups, self._scheduled, strict=True):
                group['lr'] = rate

    def _restore(self, runner: Runner) -> None:
        for group, rate in zip(runner.optim_wrapper.param_groups, self._scheduled, strict=False):
            group['lr'] = rate
        self._scheduled = []
