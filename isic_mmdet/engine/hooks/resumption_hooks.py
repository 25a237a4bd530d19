"""What a run that was stopped needs to end as one that was not."""

import os
import random
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmdet.registry import HOOKS
from mmengine.dist import is_main_process
from mmengine.hooks import EarlyStoppingHook, Hook
from mmengine.runner import Runner

from isic_mmdet.engine.config.recorded_config import recorded_changes
from isic_mmdet.engine.own_folder import holds, make_last_relative, make_own, make_relative
from isic_mmdet.engine.train.checkpoints import ENDED_EARLY, INTERRUPTED, VALIDATED
from isic_mmdet.engine.train.schedule import EpochLength, ramp_of, rebuild_schedule

_SCALARS = 'scalars.json'
_LENGTH = 'scalars_bytes'
# Of the messages that the runner keeps with its checkpoints.
_STOPPING = 'early_stopping'


@HOOKS.register_module()
class RunStateHook(Hook):
    """Writes into every checkpoint how far the run is, beyond what mmengine writes.

    That is the last epoch that was validated, and the lengths of `scalars.json` and of an epoch.
    """

    priority = 'LOW'  # before CheckpointHook, which saves anew after the validation of a best epoch

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Take note of the validation."""
        if hasattr(runner.train_loop, 'epoch'):
            runner.message_hub.update_info(VALIDATED, runner.epoch)

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Take note of the scalars that were logged, how long an epoch is, and relative paths."""
        EpochLength.of(runner).note(checkpoint['meta'])
        scalars = Path(runner.work_dir, _SCALARS)
        checkpoint['meta'][_LENGTH] = scalars.stat().st_size if scalars.is_file() else 0
        make_relative(checkpoint['message_hub']['runtime_info'], runner.work_dir)


@HOOKS.register_module()
class ResumeHook(Hook):
    """Makes a resumed run do and log what it would have done and logged without the interruption.

    - The paths in the checkpoint become those of this run, see `isic_mmdet.engine.own_folder`.
    - Settings that were changed act, see `isic_mmdet.engine.train.schedule`, and are logged.
    - What was logged after the checkpoint was written is cut off `scalars.json`.
    - A checkpoint is written before the validation of its epoch. If the run was stopped in between,
      the validation is made first. After the training the last checkpoint is written again if a
      validation followed it, so that it records that nothing is left to do.
    """

    priority = 'LOWEST'  # all others are ready for a validation, and checkpoints are written

    def __init__(self) -> None:
        self._scalars_bytes: int | None = None
        self._saved_at = -1
        self._saved_as: Path | None = None
        self._saved_validation: int | None = None

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Fit a checkpoint that training is resumed from to this run."""
        if not runner._resume or 'optimizer' not in checkpoint:
            return
        hub = checkpoint['message_hub']
        is_own = holds(runner.work_dir, runner._load_from)
        if is_own:
            self._scalars_bytes = checkpoint['meta'].get(_LENGTH)
            self._saved_validation = hub['runtime_info'].get(VALIDATED)
            self._saved_as = Path(runner._load_from)
        notes = make_own(hub['runtime_info'], runner.work_dir, is_own)
        changed = recorded_changes(runner.cfg, checkpoint)
        notes += [f'changed since the checkpoint, from here on: {change}' for change in changed]
        notes += rebuild_schedule(runner, checkpoint, changed)
        known = {*hub['runtime_info'], *hub['log_scalars']}
        hub['resumed_keys'] = {
            key: value for key, value in hub['resumed_keys'].items() if key in known
        }
        if is_own:
            self._saved_at = checkpoint['meta']['iter']
        for note in notes:
            runner.logger.info(note)

    def before_train(self, runner: Runner) -> None:
        """Bring log and validation to where the checkpoint is."""
        if not runner._resume or not runner._has_loaded:
            return
        if is_main_process() and self._scalars_bytes is not None:
            _cut(Path(runner.work_dir, _SCALARS), self._scalars_bytes)
        if _validation_is_due(runner):
            runner.logger.info(f'validating epoch {runner.epoch}, which was not before')
            runner.val_loop.run()

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Take note of a checkpoint that training can be resumed from."""
        if 'optimizer' in checkpoint:
            self._saved_at = runner.iter
            last = runner.message_hub.runtime_info.get('last_ckpt')
            self._saved_as = Path(last) if last else None
            self._saved_validation = _last_validation(runner)

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None
    ) -> None:
        """Make the path of a checkpoint that was just saved relative."""
        if self._saved_at == runner.iter and is_main_process():
            make_last_relative(runner.work_dir)

    def after_train_epoch(self, runner: Runner) -> None:
        """Remove what an earlier interruption left, if the epoch was saved."""
        if self._saved_at == runner.iter and is_main_process():
            make_last_relative(runner.work_dir)
            runner.train_loop.saved()
            Path(runner.work_dir, INTERRUPTED).unlink(missing_ok=True)

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Make the path of a checkpoint that was saved with a new best score relative."""
        if is_main_process():
            make_last_relative(runner.work_dir)

    def after_train(self, runner: Runner) -> None:
        """Write the last checkpoint again if it does not record how the training ended."""
        loop, hub = runner.train_loop, runner.message_hub
        ended_early = bool(loop.stop_training) and runner.iter < loop.max_iters
        hub.update_info(ENDED_EARLY, ended_early)
        is_recorded = self._saved_validation == _last_validation(runner) and not ended_early
        if self._saved_at != runner.iter or self._saved_as is None or is_recorded:
            return
        runner.save_checkpoint(
            str(self._saved_as.parent),
            self._saved_as.name,
            meta=dict(epoch=runner.epoch, iter=runner.iter),
            by_epoch=False,
            backend_args=dict(backend='atomic'),
        )


def _last_validation(runner: Runner) -> int | None:
    """Return the last epoch that was validated, if there is one."""
    known = runner.message_hub.runtime_info
    return runner.message_hub.get_info(VALIDATED) if VALIDATED in known else None


def _cut(scalars: Path, length: int) -> None:
    if scalars.is_file() and scalars.stat().st_size > length:
        os.truncate(scalars, length)


def _validation_is_due(runner: Runner) -> bool:
    loop = runner.train_loop
    epoch = runner.epoch
    at_end = 0 < runner.iter == epoch * len(runner.train_dataloader)
    if runner.val_loop is None or not at_end or epoch < loop.val_begin:
        return False
    if _last_validation(runner) == epoch:
        return False
    loop._decide_current_val_interval()
    return epoch % loop.val_interval == 0 or epoch == loop.max_epochs


@HOOKS.register_module()
class ResumableEarlyStoppingHook(EarlyStoppingHook):
    """mmengine's hook, whose patience outlasts an interruption.

    Args:
        **kwargs: of `mmengine.hooks.EarlyStoppingHook`.
    """

    priority = 'LOW'  # before CheckpointHook, as above

    def before_train(self, runner: Runner) -> None:
        """Go on counting where the checkpoint was."""
        if _STOPPING in runner.message_hub.runtime_info:
            state: dict[str, Any] = runner.message_hub.get_info(_STOPPING)
            self.best_score, self.wait_count = state['best_score'], state['wait_count']

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float]) -> None:
        """Count, and keep the count with the next checkpoint."""
        super().after_val_epoch(runner, metrics)
        state = {'best_score': float(self.best_score), 'wait_count': self.wait_count}
        runner.message_hub.update_info(_STOPPING, state)


@HOOKS.register_module()
class PerStepSeedHook(Hook):
    """Seeds all generators before every step.

    The heads draw the proposals that they learn from. With what this hook does, a run that goes on
    from a checkpoint draws what it would have drawn, and no generator has to be saved. Every
    process draws its own. See `isic_mmdet.datasets.seeded` for the images.
    """

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        """Seed the generators of torch, NumPy and `random`."""
        entropy = (runner.seed, runner.iter, runner.rank)
        state = np.random.SeedSequence(entropy).generate_state(3)
        torch.manual_seed(int(state[0]))
        np.random.seed(state[1])
        random.seed(int(state[2]))


@HOOKS.register_module()
class RateRampHook(Hook):
    """Adds to the learning rates of the schedule what `engine.train.schedule` has left to add.

    The schedulers compute each rate from the one before. So the rates of the schedule are put back
    after every step, before the schedulers and a checkpoint see them.
    """

    priority = 'HIGHEST'  # before the rate is logged, and before the schedulers step

    def __init__(self) -> None:
        self._scheduled: list[float] = []

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        """Set the rates of this step."""
        self._put_back(runner)  # a batch that failed has no end
        ramp = ramp_of(runner.message_hub.runtime_info)
        if ramp is None or runner.iter >= ramp.start + ramp.steps:
            return
        groups = runner.optim_wrapper.param_groups
        self._scheduled = [group['lr'] for group in groups]
        for group, offset in zip(groups, ramp.at(runner.iter), strict=True):
            group['lr'] += offset

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None
    ) -> None:
        """Put the rates of the schedule back."""
        self._put_back(runner)

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Save the rates of the schedule, also after a step that failed."""
        if self._scheduled and 'optimizer' in checkpoint:
            state = checkpoint['optimizer']
            groups = [*state['param_groups'], *filter(None, [state.get('base_param_settings')])]
            for group, rate in zip(groups, self._scheduled, strict=True):
                group['lr'] = rate

    def _put_back(self, runner: Runner) -> None:
        for group, rate in zip(runner.optim_wrapper.param_groups, self._scheduled, strict=False):
            group['lr'] = rate
        self._scheduled = []
