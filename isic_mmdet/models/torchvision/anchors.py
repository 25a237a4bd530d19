"""The anchors that torchvision's detectors were trained with."""

from typing import Any

import torch
from mmdet.models.task_modules import AnchorGenerator
from mmdet.registry import TASK_UTILS
from torch import Tensor


@TASK_UTILS.register_module()
class TorchvisionAnchorGenerator(AnchorGenerator):
    """mmdet's anchors with three properties of `torchvision.models.detection`.

    - The corners of an anchor are rounded to whole pixels.
    - The distance between anchors of a level is the input's size over the level's, rounded down.
      That is the stride, except for P6, which has half the cells of P5, rounded up: an input 160
      px high has 3 rows of P6, 53 px apart instead of 64.
    - All anchors of the batch are valid. mmdet excludes those in the padding that an image has
      only because another image of the batch is larger.

    The input has to be padded to a multiple of the strides of all levels except the last.

    Args are those of `AnchorGenerator`.
    """

    def gen_single_level_base_anchors(self, *args: Any, **kwargs: Any) -> Tensor:
        """Return the (A, 4) anchors of a level around the origin, in whole pixels."""
        return super().gen_single_level_base_anchors(*args, **kwargs).round()

    def grid_priors(
        self,
        featmap_sizes: list[tuple[int, int]],
        dtype: torch.dtype = torch.float32,
        device: str | torch.device = 'cuda',
    ) -> list[Tensor]:
        """Return the anchors of every level, (rows * columns * A, 4) in pixels of the input.

        Args:
            featmap_sizes: (rows, columns) of every level, the finest first.
            dtype: of the anchors.
            device: of the anchors.
        """
        stride_x, stride_y = self.strides[0]
        height, width = featmap_sizes[0][0] * stride_y, featmap_sizes[0][1] * stride_x
        levels = []
        for (rows, columns), base in zip(featmap_sizes, self.base_anchors, strict=True):
            y, x = torch.meshgrid(
                torch.arange(rows, device=device) * (height // rows),
                torch.arange(columns, device=device) * (width // columns),
                indexing='ij',
            )
            centers = torch.stack((x, y, x, y), dim=-1).reshape(-1, 1, 4)
            levels.append((centers + base.to(device)).reshape(-1, 4).to(dtype))
        return levels

    def valid_flags(
        self,
        featmap_sizes: list[tuple[int, int]],
        pad_shape: tuple[int, ...],
        device: str | torch.device = 'cuda',
    ) -> list[Tensor]:
        """Return True for every anchor, (rows * columns * A,) for each level."""
        return [
            torch.ones(rows * columns * count, dtype=torch.bool, device=device)
            for (rows, columns), count in zip(featmap_sizes, self.num_base_priors, strict=True)
        ]
