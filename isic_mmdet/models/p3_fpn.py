"""A feature pyramid without its finest map, for objects that are never small."""

from collections.abc import Sequence
from typing import Any

from mmdet.models.necks import FPN
from mmdet.registry import MODELS
from torch import Tensor


@MODELS.register_module()
class P3FPN(FPN):
    """mmdet's FPN from the second stage of the backbone up: P3 to P6 instead of P2 to P6.

    P2 has three quarters of all positions. With a ResNet-50 its convolutions in pyramid and RPN
    are a third of all arithmetic. Hardly any lesion is small enough for P2; the regions of those
    are pooled from P3 instead.

    The weights of an FPN with P2 load too; those of P2 are ignored.

    Args:
        passthrough_levels: indices of the inputs that are appended, unchanged, to the outputs.
        **kwargs: of `mmdet.models.necks.FPN`, without `start_level`; `in_channels` lists all
            stages of the backbone, and the first two numbers must differ.
    """

    def __init__(self, passthrough_levels: Sequence[int] = (), **kwargs: Any) -> None:
        super().__init__(start_level=1, **kwargs)
        self.passthrough_levels = tuple(passthrough_levels)

    def forward(self, inputs: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Return P3 to P6, (N, C, H, W) each, followed by the passthrough levels."""
        return (*super().forward(inputs), *(inputs[level] for level in self.passthrough_levels))

    def _load_from_state_dict(
        self, state_dict: dict[str, Tensor], prefix: str, *args: Any, **kwargs: Any
    ) -> None:
        finest = state_dict.get(f'{prefix}lateral_convs.0.conv.weight')
        if finest is not None and finest.shape[1] == self.in_channels[0]:
            _remove_finest(state_dict, prefix)
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)


def _remove_finest(state_dict: dict[str, Tensor], prefix: str) -> None:
    """Drop the convolutions of level 0 and move all others down by one."""
    for key in [key for key in state_dict if key.startswith(prefix)]:
        weights = state_dict.pop(key)
        convs, level, rest = key.removeprefix(prefix).split('.', 2)
        if level != '0':
            # Keys ascend, so the lower level has been removed already.
            state_dict[f'{prefix}{convs}.{int(level) - 1}.{rest}'] = weights
