"""mmdet's heads with outputs in float32, also where the convolutions compute in bfloat16.

bfloat16 has eight bits of precision: scores near 1 would be equal, and a box of 500 pixels would
be wrong by one. So losses, scores and coordinates are computed in float32.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from mmdet.models.dense_heads import RPNHead
from mmdet.models.roi_heads.bbox_heads import Shared2FCBBoxHead
from mmdet.models.roi_heads.mask_heads import FCNMaskHead
from mmdet.registry import MODELS
from mmengine.config import ConfigDict
from mmengine.structures import InstanceData
from torch import Tensor

from isic_mmdet.compat.mmcv_ops import at_least_float32
from isic_mmdet.masks.paste import BoxCells, mask_confidence, paste_mask
from isic_mmdet.models.box_masks import predict_box_masks


@MODELS.register_module()
class Float32RPNHead(RPNHead):
    """Proposals from maps of any precision; maps beyond the levels of its anchors are ignored."""

    def forward(self, x: Sequence[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        """Return objectness and box deltas of every level that has anchors."""
        return super().forward(x[: self.prior_generator.num_levels])

    def forward_single(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return objectness (N, A, H, W) and box deltas (N, 4A, H, W), float32, of one level."""
        scores, deltas = super().forward_single(x)
        return at_least_float32(scores), at_least_float32(deltas)


@MODELS.register_module()
class Float32BBoxHead(Shared2FCBBoxHead):
    """Classes and boxes, computed in float32: to cast its weights would cost more."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return class scores (R, K + 1) and box deltas (R, 4K), float32, of (R, C, 7, 7) maps."""
        with torch.autocast(x.device.type, enabled=False):
            return super().forward(at_least_float32(x))


@MODELS.register_module()
class StripPasteMaskHead(FCNMaskHead):
    """Masks from maps of any precision, pasted one by one in strips of the image."""

    def forward(self, x: Tensor) -> Tensor:
        """Return mask logits (R, K, 28, 28), float32, of (R, C, 14, 14) maps."""
        return at_least_float32(super().forward(x))

    def predict_by_feat(
        self,
        mask_preds: Sequence[Tensor],
        results_list: list[InstanceData],
        batch_img_metas: Sequence[dict[str, Any]],
        rcnn_test_cfg: ConfigDict,
        rescale: bool = False,
        activate_map: bool = False,
    ) -> list[InstanceData]:
        """Do what mmdet's method does, with `isic_mmdet.masks.paste`.

        Returns:
            The results with `masks`, (n, H, W) bool on the CPU, where the probability is above
            `rcnn_test_cfg.mask_thr_binary`, and `mask_confidences`, (n,) float.
        """
        predicted = predict_box_masks(
            self, mask_preds, results_list, batch_img_metas, rcnn_test_cfg, rescale, activate_map
        )
        for results, meta in zip(predicted, batch_img_metas, strict=True):
            height, width = meta['ori_shape' if rescale else 'img_shape'][:2]
            masks = np.zeros((len(results), height, width), bool)
            cells, threshold = results.masks.float().cpu().numpy(), rcnn_test_cfg.mask_thr_binary
            boxes = results.bboxes.tolist()
            views = [BoxCells(each, tuple(box)) for each, box in zip(cells, boxes, strict=True)]
            for mask, view in zip(masks, views, strict=True):
                mask[:] = paste_mask([view], 1, (height, width), threshold)
            results.masks = torch.from_numpy(masks)
            results.mask_confidences = torch.tensor(
                [mask_confidence([view], 1, threshold) for view in views]
            )
        return predicted
