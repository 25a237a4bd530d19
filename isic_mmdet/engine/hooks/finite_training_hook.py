"""A training stops before a NaN gets into the weights or into a checkpoint."""

import math
from collections.abc import Mapping
from typing import Any

import torch
from mmengine.hooks import CheckpointHook, Hook
from mmengine.optim import OptimWrapperDict
from mmengine.runner import Runner
from torch import Tensor, nn
from torch.optim import Optimizer

from isic_mmdet.engine.distributed import any_process, unwrapped
from isic_mmdet.errors import InputError

REMEDY = (
    'Lower the learning rate (optim_wrapper.optimizer.lr), or look at these images with '
    'tools/browse_dataset.py'
)
# A gradient scaler skips a step whose gradients overflow and halves its scale, which starts at
# 2 ** 16. After more skipped steps than this in a row, the gradients themselves are the problem.
_SKIPPED_STEPS = 30


class NonFiniteError(InputError):
    """A loss or a gradient is NaN or infinite. The weights are unchanged."""

    def __init__(self, reason: str) -> None:
        self.reason = f'{reason}; the weights are those from before it'
        super().__init__(f'{self.reason}. {REMEDY}')


class FiniteTrainingHook(Hook):
    """Stops a training whose losses, gradients or weights are not finite, with any loop.

    - Losses are checked when the model returns them, gradients right before the optimizer's step.
    - A gradient scaler skips steps silently; after too many in a row the training stops.
    - The weights and buffers are checked before each validation, and before a checkpoint is
      written and an older one removed.
    - The score that `save_best` names must be a number.
    """

    priority = 'LOW'  # after EMAHook, before CheckpointHook

    def __init__(self) -> None:
        self._iterations_without_step = 0

    def before_train(self, runner: Runner) -> None:
        """Start to check the losses and steps."""
        wrapper: Any = runner.optim_wrapper
        wrappers = list(wrapper.values()) if isinstance(wrapper, OptimWrapperDict) else [wrapper]
        runner.model.register_forward_hook(_require_finite_losses)
        for each in wrappers:
            each.optimizer.register_step_pre_hook(self._require_finite_gradients)
        self._patience = _SKIPPED_STEPS * max(
            getattr(each, '_accumulative_counts', 1) for each in wrappers
        )

    def after_train_iter(self, runner: Runner, *_: Any, **__: Any) -> None:
        """Count the skipped steps, and check the weights if they are saved now."""
        self._iterations_without_step += 1
        if self._iterations_without_step > self._patience:
            raise NonFiniteError(
                f'the gradients overflowed in {self._iterations_without_step} iterations in a row'
            )
        is_last = self.is_last_train_iter(runner)
        if any(
            is_last or self.every_n_train_iters(runner, hook.interval)
            for hook in runner.hooks
            if isinstance(hook, CheckpointHook) and not hook.by_epoch
        ):
            _require_finite_weights(runner)

    def after_train_epoch(self, runner: Runner) -> None:
        """Check the weights before they are saved."""
        _require_finite_weights(runner)

    def before_val_epoch(self, runner: Runner) -> None:
        """Check the weights that are validated, which an EMAHook may have averaged."""
        _require_finite_weights(runner)

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        """Check all weights that are written, averaged ones too."""
        _raise_for(
            non_finite(checkpoint['state_dict']) + non_finite(checkpoint.get('ema_state_dict', {}))
        )

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Check the score that chooses the best checkpoint."""
        for hook in runner.hooks:
            if isinstance(hook, CheckpointHook) and hook.save_best:
                for name in hook.key_indicators:
                    if name != 'auto':
                        _require_score(name, metrics or {})

    def _require_finite_gradients(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        self._iterations_without_step = -1  # increased at the end of this iteration
        parameters = [each for group in optimizer.param_groups for each in group['params']]
        gradients = [each.grad for each in parameters if each.grad is not None]
        # The norm is finite only if every gradient is.
        norm = torch.nn.utils.get_total_norm(gradients)
        if not torch.isfinite(norm):
            raise NonFiniteError(f'the norm of the gradients is {float(norm)}')


def non_finite(state: Mapping[str, Any]) -> list[str]:
    """Return the names of the tensors of a state dict that contain a NaN or an infinity."""
    return [
        name
        for name, value in state.items()
        if isinstance(value, Tensor)
        and value.is_floating_point()
        and not bool(torch.isfinite(value).all())
    ]


def _require_finite_losses(model: nn.Module, inputs: Any, output: Any) -> None:
    """Check the losses of a training step; ignore predictions, and losses of a validation."""
    if not isinstance(output, dict) or not torch.is_grad_enabled() or not model.training:
        return
    losses = [
        (name, loss.detach())
        for name, value in output.items()
        if 'loss' in name  # the rule by which mmengine adds up losses
        for loss in (value if isinstance(value, (list, tuple)) else [value])
        if isinstance(loss, Tensor)
    ]
    if not losses:
        return
    # One question for all of them: a GPU has to finish its work to answer.
    are_finite = torch.stack([torch.isfinite(loss).all() for _, loss in losses])
    broken = []
    if not bool(are_finite.all()):
        broken = [
            f'{name} is {float(loss.mean())}'
            for (name, loss), finite in zip(losses, are_finite.tolist(), strict=True)
            if not finite
        ]
    if any_process(bool(broken)):
        raise NonFiniteError(', '.join(broken) or 'the loss of another process is not finite')


def _require_finite_weights(runner: Runner) -> None:
    broken = non_finite(unwrapped(runner.model).state_dict())
    if any_process(bool(broken)):  # batch-norm statistics differ between processes
        _raise_for(broken or ['in another process'])


def _raise_for(broken: list[str]) -> None:
    if broken:
        raise InputError(
            'the weights are not finite, so the model is neither validated nor saved. Continue '
            'from the last checkpoint with --resume and a lower learning rate '
            '(optim_wrapper.optimizer.lr), or look at the images with tools/browse_dataset.py:',
            broken,
            shown=4,
        )


def _require_score(name: str, metrics: dict[str, float]) -> None:
    score = metrics.get(name)
    if score is None or not math.isfinite(score):
        raise InputError(
            f'default_hooks.checkpoint.save_best names {name}, which is {score} on these images, '
            f'so no checkpoint can be the best; choose another score ({", ".join(metrics)}), or '
            'another validation split (a score of one class needs images of all classes)'
        )


def wrapper_errors(cfg: Mapping[str, Any]) -> list[str]:
    """Return why a config cannot be trained with its `optim_wrapper` here, one line each."""
    wrapper, errors = cfg.get('optim_wrapper') or {}, []
    kind = str(wrapper.get('type', '')).rpartition('.')[2]
    if kind == 'AmpOptimWrapper' and not torch.cuda.is_available():
        errors.append(
            'optim_wrapper.type: AmpOptimWrapper needs a GPU, and there is none; write '
            "optim_wrapper.type='OptimWrapper' and train with --amp for bfloat16"
        )
    batches = wrapper.get('accumulative_counts', 1)
    if batches > 1 and (cfg.get('model') or {}).get('compiled'):
        errors.append(
            f'optim_wrapper.accumulative_counts={batches} with model.compiled=True: a CUDA graph '
            'writes the gradients of the next batch over those of the last; remove one of the two'
        )
    return errors
