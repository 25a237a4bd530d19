"""What a loss, a gradient or a weight that is not a finite number means."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

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
