"""Mask R-CNN with a choice of precision, and its preparation for prediction."""

from typing import Any

import torch
from mmdet.models.detectors import MaskRCNN
from mmdet.registry import MODELS
from torch import Tensor, nn

from isic_mmdet.models.batch_norm_fusion import fused

PRECISIONS = ('float32', 'bfloat16')


@MODELS.register_module()
class LesionMaskRCNN(MaskRCNN):
    """mmdet's Mask R-CNN with a choice of precision.

    In bfloat16 the convolutions run under `torch.autocast`; weights, losses, boxes and scores stay
    in float32. bfloat16 has the exponent of float32, so losses need no scaling. Images have their
    channels last in memory, which is faster for the convolutions of CPUs and tensor cores, and
    every feature map keeps that order.

    The heads have to be (subclasses of) `Float32RPNHead`, `Float32BBoxHead` and
    `StripPasteMaskHead`.

    Args:
        precision: one of `PRECISIONS`.
        **kwargs: of `mmdet.models.detectors.MaskRCNN`.

    Raises:
        ValueError: `precision` is unknown.
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


def prepare_for_prediction(model: nn.Module) -> None:
    """Switch to evaluation, fold batch norms into convolutions, and cast their weights once.

    In bfloat16 `torch.autocast` would cast them in every call. The predictions are the same up to
    rounding. The model cannot be trained afterwards.

    Args:
        model: a detector of mmdet in evaluation mode with its final weights; changed in place.
    """
    model.eval()
    for module in list(model.modules()):
        if isinstance(backbone := getattr(module, 'backbone', None), nn.Module):
            module.backbone = fused(backbone)
    if isinstance(model, LesionMaskRCNN) and model.precision == 'bfloat16':
        for module in model.modules():
            if isinstance(module, nn.Conv2d):
                module.to(torch.bfloat16)
