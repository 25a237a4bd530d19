"""The diagnosis of a lesion by a backbone of its own.

The detector's backbone learns to outline lesions. A gradient from the diagnosis would disturb that,
and without this gradient the features are not made for the diagnosis. A second backbone learns the
diagnosis alone, from a crop around the lesion and from the image.

R regions (image index, x1, y1, x2, y2), K diagnoses, S pixels.
"""

from collections.abc import Sequence
from typing import Any

import torch
from mmcv.ops import RoIAlign
from mmdet.registry import MODELS
from torch import Tensor

from isic_mmdet.models.lesion_diagnosis import DiagnosisHead


@MODELS.register_module()
class CropDiagnosisHead(DiagnosisHead):
    """A linear classifier of features of a backbone that sees two crops: lesion and image.

    The only map that it pools is the image (`TimmBackbone(return_images=True)`).

    Args:
        backbone: config.
        in_channels: of the feature maps of the backbone.
        num_classes: K.
        loss: see `DiagnosisHead`.
        crop_size: S, the side of the crops.
        margin: what is added to the lesion's box at each side, as a share of the box.
    """

    def __init__(
        self,
        backbone: dict[str, Any],
        in_channels: Sequence[int],
        num_classes: int,
        loss: dict[str, Any],
        crop_size: int = 224,
        margin: float = 0.15,
    ) -> None:
        super().__init__([RoIAlign(crop_size, 1.0, 2)], in_channels, num_classes, loss)
        self.margin = margin
        self.backbone = MODELS.build(backbone)

    def regions(self, lesions: Tensor, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return what is cropped, (R, 4) each, for boxes of lesions and of their images."""
        margin = self.margin * (lesions[:, 2:] - lesions[:, :2])
        first = (lesions[:, :2] - margin).clamp(min=0)
        last = torch.minimum(lesions[:, 2:] + margin, images[:, 2:])
        return torch.cat([first, last], 1), images

    def forward(self, crops: Sequence[Tensor]) -> Tensor:
        """Return logits (R, K), float32.

        Args:
            crops: (R, 3, S, S) each, of the lesions and of the images.
        """
        lesion, image = (self.backbone(crop) for crop in crops)
        return self.classified(
            [features for both in zip(lesion, image, strict=True) for features in both]
        )
