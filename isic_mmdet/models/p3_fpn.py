"""A feature pyramid without its finest map, for objects that are never small."""

from collections.abc import Sequence
from typing import Any

from mmdet.models.necks import FPN
from mmdet.registry import MODELS
from torch import Tensor


@MODELS.register_module()
class P3FPN(FPN):
    """mmdet's FPN from the second stage of the backbone up: P3 to P6 instead of P2 to P6.

    P2 has three quarters of all positions, and with a ResNet-50 the convolutions on it, in the
    pyramid and in the RPN, are a third of all arithmetic. Few lesions are so small that they would
    be looked up in it; their regions are pooled from P3 instead.

    Weights of a whole pyramid load, too: what belongs to P2 is left out.

    Args:
        stages: indices of the inputs that are handed on, as they are, behind the pyramid.
        **kwargs: of `mmdet.models.necks.FPN`, but for `start_level`; `in_channels` are those of
            all stages of the backbone, which must differ between the first two.
    """

    def __init__(self, stages: Sequence[int] = (), **kwargs: Any) -> None:
        super().__init__(start_level=1, **kwargs)
        self.stages = tuple(stages)

    def forward(self, inputs: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Return P3 to P6, (N, C, H, W) each, and behind them the `stages` of the backbone."""
        return (*super().forward(inputs), *(inputs[stage] for stage in self.stages))

    def _load_from_state_dict(
        self, state_dict: dict[str, Tensor], prefix: str, *args: Any, **kwargs: Any
    ) -> None:
        finest = state_dict.get(f'{prefix}lateral_convs.0.conv.weight')
        if finest is not None and finest.shape[1] == self.in_channels[0]:
            _leave_out_finest(state_dict, prefix)
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)


def _leave_out_finest(state_dict: dict[str, Tensor], prefix: str) -> None:
    """Drop the convolutions of level 0 and move all others down by one."""
    for key in [key for key in state_dict if key.startswith(prefix)]:
        weights = state_dict.pop(key)
        convs, level, rest = key.removeprefix(prefix).split('.', 2)
        if level != '0':
            # Ascending, so the place of each is free by now.
            state_dict[f'{prefix}{convs}.{int(level) - 1}.{rest}'] = weights
