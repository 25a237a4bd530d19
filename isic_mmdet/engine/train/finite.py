"""Checks that losses, gradients and weights are finite numbers."""

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor

from isic_mmdet.engine.distributed import any_process
from isic_mmdet.errors import InputError

REMEDY = (
    'Lower the learning rate (optim_wrapper.optimizer.lr), or look at these images with '
    'tools/browse_dataset.py'
)


class NonFiniteError(InputError):
    """A loss or a gradient is NaN or infinite. The weights are unchanged.

    Args:
        reason: what is not finite.
    """

    def __init__(self, reason: str) -> None:
        self.reason = f'{reason}; the weights are those from before it'
        super().__init__(f'{self.reason}. {REMEDY}')


def non_finite(state: Mapping[str, Any]) -> list[str]:
    """Return the names of the tensors of a state dict that contain a NaN or an infinity."""
    return [
        name
        for name, value in state.items()
        if isinstance(value, Tensor)
        and value.is_floating_point()
        and not bool(torch.isfinite(value).all())
    ]


def wrapper_errors(cfg: Mapping[str, Any]) -> list[str]:
    """Return why this machine cannot train with the `optim_wrapper` of a config, one line each."""
    kind = str((cfg.get('optim_wrapper') or {}).get('type', '')).rpartition('.')[2]
    if kind != 'AmpOptimWrapper' or torch.cuda.is_available():
        return []
    return [
        'optim_wrapper.type: AmpOptimWrapper needs a GPU, and there is none; write '
        "optim_wrapper.type='OptimWrapper' and train with --amp for bfloat16"
    ]


def require_finite_losses(losses: Mapping[str, Tensor]) -> None:
    """Raise a `NonFiniteError` in all processes if a loss of one process is not finite.

    Args:
        losses: tensors of any shape, by the names for the message.
    """
    broken = [
        f'{name} is {float(loss.detach().mean())}'
        for name, loss in losses.items()
        if not bool(torch.isfinite(loss.detach()).all())
    ]
    if any_process(bool(broken)):
        raise NonFiniteError(', '.join(broken) or 'the loss of another process is not finite')


def require_finite_gradients(parameter_groups: Iterable[Mapping[str, Any]]) -> None:
    """Raise a `NonFiniteError` if a gradient of an optimizer's `param_groups` is not finite."""
    parameters = [parameter for group in parameter_groups for parameter in group['params']]
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    # The norm is finite only if every gradient is.
    norm = torch.nn.utils.get_total_norm(gradients)
    if not torch.isfinite(norm):
        raise NonFiniteError(f'the norm of the gradients is {float(norm)}')
