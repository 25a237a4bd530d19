"""The diagnosis of a lesion by a backbone of its own.

The detector's backbone learns to outline lesions. A gradient from the diagnosis would disturb that,
and without this gradient the features are not made for the diagnosis. A second backbone learns the
diagnosis alone, from a crop around the lesion and from the image.

N images, R regions (image index, x1, y1, x2, y2), K diagnoses, S pixels.
"""

from collections.abc import Sequence
from typing import Any

import torch
from mmcv.ops import RoIAlign
from mmdet.registry import MODELS
from torch import Tensor, nn

from isic_mmdet.models.lesion_diagnosis import DiagnosisHead


@MODELS.register_module()
class CropDiagnosisHead(DiagnosisHead):
    """A classifier of two crops of an image: the lesion with its margin, and the image.

    Args:
        backbone: config; its last feature map is averaged.
        in_channels: of this map.
        num_classes: K.
        loss: see `DiagnosisHead`.
        crop_size: S, the side of the crops that the backbone gets.
        margin: what is added to the lesion's box at each side, as a share of the box.
        dropout: probability that a feature is dropped in training.
    """

    def __init__(
        self,
        backbone: dict[str, Any],
        in_channels: int,
        num_classes: int,
        loss: dict[str, Any],
        crop_size: int = 224,
        margin: float = 0.15,
        dropout: float = 0.3,
    ) -> None:
        super().__init__([RoIAlign(crop_size, 1.0, 2)], num_classes, loss)
        self.margin = margin
        self.backbone = MODELS.build(backbone)
        self.classify = nn.Sequential(nn.Dropout(dropout), nn.Linear(2 * in_channels, num_classes))

    def regions(self, lesions: Tensor, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return what is cropped, for boxes (R, 4) of lesions and of their images."""
        margin = self.margin * (lesions[:, 2:] - lesions[:, :2])
        corners = images[:, 2:]
        first = (lesions[:, :2] - margin).clamp(min=0)
        last = torch.minimum(lesions[:, 2:] + margin, corners)
        return torch.cat([first, last], 1), images

    def forward(self, crops: Sequence[Tensor]) -> Tensor:
        """Return logits (R, K), float32.

        Args:
            crops: (R, 3, S, S) each, of the lesions and of the images.
        """
        features = self.backbone(torch.cat(list(crops)))[-1]
        means = features.float().mean((2, 3))
        with torch.autocast(means.device.type, enabled=False):
            return self.classify(torch.cat(means.chunk(2), 1))
