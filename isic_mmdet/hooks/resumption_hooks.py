"""What a run that was stopped needs to end as one that was not."""

import os
from pathlib import Path
from typing import Any

from mmdet.registry import HOOKS
from mmengine.dist import is_main_process
from mmengine.hooks import EarlyStoppingHook, Hook
from mmengine.runner import Runner

from isic_mmdet.training.checkpoints import INTERRUPTED
from isic_mmdet.training.epoch_length import EpochLength, count_anew

_SCALARS = 'scalars.json'
_LENGTH = 'scalars_bytes'
# Of the messages that the runner keeps with its checkpoints.
_VALIDATED = 'last_validated_epoch'
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
            runner.message_hub.update_info(_VALIDATED, runner.epoch)

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Take note of the scalars that were logged, and how long an epoch is."""
        EpochLength.of(runner).note(checkpoint['meta'])
        scalars = Path(runner.work_dir, _SCALARS)
        checkpoint['meta'][_LENGTH] = scalars.stat().st_size if scalars.is_file() else 0


@HOOKS.register_module()
class ResumeHook(Hook):
    """Makes a run that goes on from a checkpoint do and log what it would have done and logged.

    What was logged behind the checkpoint is cut off `scalars.json`. A checkpoint is written before
    the validation of its epoch; if the run was stopped in between, the validation is made first.
    """

    priority = 'LOWEST'  # all others are ready for a validation, and checkpoints are written

    def __init__(self) -> None:
        self._scalars_bytes: int | None = None
        self._complete_at = -1

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Remember how much was logged, and count anew if an epoch was of another length."""
        self._scalars_bytes = checkpoint.get('meta', {}).get(_LENGTH)
        if runner._resume and 'optimizer' in checkpoint:
            scaled = bool((runner.auto_scale_lr or {}).get('enable'))
            if count_anew(checkpoint, EpochLength.of(runner), scaled):
                runner.logger.info(
                    'the number of processes or the batch size has changed: iterations, schedules'
                    ' and learning rate are counted anew'
                )

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
        """Take note of a checkpoint that training can go on from."""
        if 'optimizer' in checkpoint:
            self._complete_at = runner.iter

    def after_train_epoch(self, runner: Runner) -> None:
        """Remove what an earlier interruption left, if the epoch was saved."""
        if self._complete_at == runner.iter and is_main_process():
            runner.train_loop.saved()
            Path(runner.work_dir, INTERRUPTED).unlink(missing_ok=True)


def _cut(scalars: Path, length: int) -> None:
    if scalars.is_file() and scalars.stat().st_size > length:
        os.truncate(scalars, length)


def _validation_is_due(runner: Runner) -> bool:
    loop = runner.train_loop
    epoch = runner.epoch
    at_end = 0 < runner.iter == epoch * len(runner.train_dataloader)
    if runner.val_loop is None or not at_end or epoch < loop.val_begin:
        return False
    known = runner.message_hub.runtime_info
    if _VALIDATED in known and runner.message_hub.get_info(_VALIDATED) == epoch:
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
