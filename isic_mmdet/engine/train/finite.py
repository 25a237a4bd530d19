"""Weights that are numbers."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor


def non_finite(state: Mapping[str, Any]) -> list[str]:
    """Return the names of tensors of a state dict that hold a NaN or an infinity."""
    return [
        name
        for name, value in state.items()
        if isinstance(value, Tensor)
        and value.is_floating_point()
        and not bool(torch.isfinite(value).all())
    ]
