"""Mask R-CNN that computes in bfloat16 where it is told to, and in channels-last order always."""

from typing import Any

import torch
from mmdet.models.detectors import MaskRCNN
from mmdet.registry import MODELS
from torch import Tensor

PRECISIONS = ('float32', 'bfloat16')


@MODELS.register_module()
class LesionMaskRCNN(MaskRCNN):
    """mmdet's Mask R-CNN with a choice of precision.

    In bfloat16 the convolutions run under `torch.autocast`; weights, losses, boxes and scores stay
    in float32, and so does what the optimizer sees. Its exponent is that of float32, so losses
    need no scaling. Images go in with their channels last in memory, which the convolutions of
    CPUs and of tensor cores prefer, and every feature map inherits that order.

    The heads have to be `Float32RPNHead`, `Float32BBoxHead` and `StripPasteMaskHead` or subclasses
    of them, which return float32.

    Args:
        precision: one of `PRECISIONS`.
        **kwargs: of `mmdet.models.detectors.MaskRCNN`.

    Raises:
        ValueError: `precision` is another.
    """

    def __init__(self, precision: str = 'float32', **kwargs: Any) -> None:
        if precision not in PRECISIONS:
            raise ValueError(f'precision {precision!r}: choose from {", ".join(PRECISIONS)}')
        super().__init__(**kwargs)
        self.precision = precision

    def forward(self, inputs: Tensor, *args: Any, **kwargs: Any) -> Any:
        """Return losses, predictions or feature maps, as `mmdet.models.BaseDetector.forward`.

        Args:
            inputs: (N, 3, H, W) float32, normalized and padded to a common size.
            *args: data samples and mode.
            **kwargs: the same by name.
        """
        in_bfloat16 = self.precision == 'bfloat16'
        with torch.autocast(inputs.device.type, torch.bfloat16, enabled=in_bfloat16):
            inputs = inputs.contiguous(memory_format=torch.channels_last)
            return super().forward(inputs, *args, **kwargs)
