"""No NaN gets into the weights, and none into a checkpoint, whatever trains."""

import math
from typing import Any

import torch
from mmengine.dist import all_reduce
from mmengine.hooks import CheckpointHook, Hook
from mmengine.hooks.hook import DATA_BATCH
from mmengine.model import is_model_wrapper
from mmengine.optim import OptimWrapperDict
from mmengine.runner import Runner
from torch import Tensor, nn
from torch.optim import Optimizer

from isic_mmdet.engine.train.finite import (
    NonFiniteError,
    NonFiniteGuardOptimWrapper,
    non_finite,
    require_finite_gradients,
    require_finite_losses,
)
from isic_mmdet.errors import InputError

# A gradient scaler skips a step whose gradients overflow and halves its scale, which starts at
# 2 ** 16. After so many in a row the gradients themselves are at fault.
_SKIPPED_STEPS = 30


class FiniteTrainingHook(Hook):
    """Stops a training whose losses, gradients or weights are no longer finite.

    - Losses are looked at where the model returns them, gradients right before the optimizer's
      step: any loop, optimizer wrapper, precision and accumulation goes through both. A
      `NonFiniteGuardOptimWrapper` does so itself. The error leaves the weights as they were;
      `ResumableEpochTrainLoop` saves them, or leaves the batch out.
    - A gradient scaler skips steps silently; after many in a row the training ends.
    - The weights, buffers of batch norm included, are looked at before every validation and before
      every checkpoint is written and an older one removed, so that a broken model is neither
      saved nor ever the best.
    - The score that `save_best` names has to be a number.

    `tools/train.py` registers the hook, whatever the config says.
    """

    priority = 'LOW'  # after EMAHook, before CheckpointHook

    def __init__(self) -> None:
        self._iterations_without_step = 0
        self._guarded = False

    def before_train(self, runner: Runner) -> None:
        """Look at every loss and every step from now on."""
        wrapper: Any = runner.optim_wrapper
        wrappers = list(wrapper.values()) if isinstance(wrapper, OptimWrapperDict) else [wrapper]
        unguarded = [each for each in wrappers if not isinstance(each, NonFiniteGuardOptimWrapper)]
        if unguarded:
            self._guarded = True
            runner.model.register_forward_hook(_check_losses)
        for each in unguarded:
            each.optimizer.register_step_pre_hook(self._check_step)
        self._patience = _SKIPPED_STEPS * max(
            getattr(each, '_accumulative_counts', 1) for each in wrappers
        )

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: DATA_BATCH = None,
        outputs: dict | None = None,
    ) -> None:
        """Count the steps that a gradient scaler skipped; look at weights that will be saved."""
        if self._guarded:
            self._iterations_without_step += 1
            if self._iterations_without_step > self._patience:
                raise NonFiniteError(
                    f'the gradients overflowed in {self._iterations_without_step} iterations in a '
                    'row'
                )
        for hook in runner.hooks:
            if (
                isinstance(hook, CheckpointHook)
                and not hook.by_epoch
                and (
                    self.every_n_train_iters(runner, hook.interval)
                    or self.is_last_train_iter(runner)
                )
            ):
                _require_finite_weights(runner)

    def after_train_epoch(self, runner: Runner) -> None:
        """Look at the weights before they are saved."""
        _require_finite_weights(runner)

    def before_val_epoch(self, runner: Runner) -> None:
        """Look at the weights that are validated, averaged ones with an EMAHook."""
        _require_finite_weights(runner)

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Look at what is written, averaged weights included."""
        _raise_for(
            [
                *non_finite(checkpoint['state_dict']),
                *non_finite(checkpoint.get('ema_state_dict', {})),
            ]
        )

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Require a number where the best checkpoint is chosen by one."""
        for hook in runner.hooks:
            if isinstance(hook, CheckpointHook) and hook.save_best:
                for name in hook.key_indicators:
                    _require_score(name, metrics or {})

    def _check_step(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        self._iterations_without_step = -1  # counted up at the end of this iteration
        require_finite_gradients(
            parameter for group in optimizer.param_groups for parameter in group['params']
        )


def _check_losses(model: nn.Module, inputs: Any, output: Any) -> None:
    """Raise for losses of a training step; predictions and losses of a validation pass."""
    if not isinstance(output, dict) or not torch.is_grad_enabled() or not model.training:
        return
    losses = {}
    for name, value in output.items():
        if 'loss' in name:  # as mmengine tells what it sums up
            values = value if isinstance(value, (list, tuple)) else [value]
            for number, each in enumerate(values):
                if isinstance(each, Tensor):
                    losses[f'{name}[{number}]' if len(values) > 1 else name] = each
    require_finite_losses(losses)


def _require_finite_weights(runner: Runner) -> None:
    model = runner.model.module if is_model_wrapper(runner.model) else runner.model
    broken = non_finite(model.state_dict())
    # Statistics of batch norm differ between processes.
    anywhere = torch.tensor(float(bool(broken)))
    all_reduce(anywhere)
    if anywhere:
        _raise_for(broken or ['in another process'])


def _raise_for(broken: list[str]) -> None:
    if broken:
        raise InputError(
            'the weights are no longer finite, so the model is neither validated nor saved. Go on '
            'from the last checkpoint with --resume and a lower learning rate '
            '(optim_wrapper.optimizer.lr), or look at the images with tools/browse_dataset.py:',
            broken,
            shown=4,
        )


def _require_score(name: str, metrics: dict[str, Any]) -> None:
    if name == 'auto':
        return
    if name not in metrics:
        raise InputError(
            f'default_hooks.checkpoint.save_best names {name}, which this validation does not '
            f'report; choose from {", ".join(metrics)}'
        )
    score = metrics[name]
    if score is None or not math.isfinite(score):
        raise InputError(
            f'default_hooks.checkpoint.save_best names {name}, which is {score} on these images, '
            'so that no checkpoint could be the best; choose another score, or another validation '
            'split (a score of one class needs images of all classes)'
        )
