"""Mask R-CNN with a choice of precision, and its preparation for prediction."""

from collections.abc import Sequence
from typing import Any

import torch
from mmdet.models.detectors import MaskRCNN
from mmdet.registry import MODELS
from mmdet.structures import DetDataSample
from torch import Tensor, nn

from isic_mmdet.models.batch_norm_fusion import fused
from isic_mmdet.models.batched.roi_head import BatchedRoIHead
from isic_mmdet.models.batched.rpn_head import BatchedRPNHead
from isic_mmdet.models.batched.truth import Truth, collect

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

    def loss(
        self, batch_inputs: Tensor, batch_data_samples: Sequence[DetDataSample]
    ) -> dict[str, Tensor]:
        """Return the losses; batched heads compute them for all images at once."""
        batched = isinstance(self.rpn_head, BatchedRPNHead) and isinstance(
            self.roi_head, BatchedRoIHead
        )
        if not batched:
            return super().loss(batch_inputs, batch_data_samples)
        return self.batch_loss(batch_inputs, collect(batch_data_samples, batch_inputs.device))

    def batch_loss(self, inputs: Tensor, truth: Truth) -> dict[str, Tensor]:
        """Return the losses of batched heads.

        Shapes depend on the size of the images and on the padded number of lesions only, and no
        operation waits for the device, so that `torch.compile` and a CUDA graph cover all of it;
        `BatchedRoIHead` names the exceptions.

        Args:
            inputs: (N, 3, H, W) float32, normalized and padded to a common size.
            truth: of the N images.
        """
        maps = self.extract_feat(inputs)
        rules = self.train_cfg.get('rpn_proposal', self.test_cfg.rpn)
        losses, proposals, real = self.rpn_head.batch_loss(maps, truth, rules)
        return losses | self.roi_head.batch_loss(maps, proposals, real, truth)


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
