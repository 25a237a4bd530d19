"""The second stage with regions, targets and losses of all images of a batch at once."""

from typing import Any

import numpy as np
import torch
from mmcv.ops import roi_align
from mmdet.models.roi_heads import StandardRoIHead
from mmdet.registry import MODELS
from mmdet.structures import DetDataSample
from mmengine.structures import InstanceData
from torch import Tensor
from torch.nn.modules.utils import _pair

from isic_mmdet.models.batched.targets import assign, check_rules, draw, pad


@MODELS.register_module()
class BatchedRoIHead(StandardRoIHead):
    """mmdet's `StandardRoIHead` whose number of operations does not grow with the batch.

    The losses are those of mmdet's head, except for which proposals are drawn at random.

    Args:
        **kwargs: of `mmdet.models.roi_heads.StandardRoIHead`, with a mask head and a mask
            extractor.

    Raises:
        ValueError: the config has settings that this head does not support.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not self.with_mask or self.share_roi_extractor or self.bbox_head.reg_decoded_bbox:
            raise ValueError(
                'BatchedRoIHead needs mask_head, mask_roi_extractor and reg_decoded_bbox=False: '
                'use StandardRoIHead'
            )
        if self.train_cfg:
            check_rules(self.bbox_assigner, self.bbox_sampler)
            if self.train_cfg.get('soft_mask_target', False):
                raise ValueError('BatchedRoIHead supports no soft_mask_target: use StandardRoIHead')

    def loss(
        self,
        x: tuple[Tensor, ...],
        rpn_results_list: list[InstanceData],
        batch_data_samples: list[DetDataSample],
    ) -> dict[str, Tensor]:
        """Return `loss_cls`, `acc`, `loss_bbox` and `loss_mask`; see mmdet for the arguments."""
        truths = [sample.gt_instances for sample in batch_data_samples]
        regions, lesion, positive = self._regions(rpn_results_list, truths)
        # Regions without a lesion take the last row.
        boxes = torch.cat([*(truth.bboxes for truth in truths), regions.new_zeros(1, 4)])
        labels = torch.cat([*(truth.labels for truth in truths), lesion.new_zeros(1)])
        losses = self._box_losses(x, regions, positive, boxes[lesion], labels[lesion])
        masks = np.concatenate([truth.masks.to_ndarray() for truth in truths])
        chosen = lesion[positive]
        return losses | self._mask_loss(x, regions[positive], chosen, masks, labels[chosen])

    def _regions(
        self, proposals: list[InstanceData], truths: list[InstanceData]
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Draw the regions that are trained on.

        Returns:
            Regions (R, 5); the lesion of each, (R,) int64, an index into all lesions of the batch
            or -1; and (R,) bool, whether it has one.
        """
        lesions, real = pad([truth.bboxes for truth in truths])
        boxes, usable = pad([each.bboxes for each in proposals])
        assigned = assign(self.bbox_assigner, boxes, usable, lesions, real)
        if self.bbox_sampler.add_gt_as_proposals:
            boxes = torch.cat([lesions, boxes], 1)
            own = torch.arange(1, real.shape[1] + 1, device=real.device)
            assigned = torch.cat([torch.where(real, own, -1), assigned], 1)
        index, drawn = draw(self.bbox_sampler, assigned)
        image, place = drawn.nonzero(as_tuple=True)
        index = index[image, place]
        chosen = assigned[image, index]
        regions = torch.cat([image[:, None].to(boxes.dtype), boxes[image, index]], 1)
        positive = chosen > 0
        before = torch.tensor([0, *(len(truth) for truth in truths[:-1])], device=image.device)
        lesion = torch.where(positive, before.cumsum(0)[image] + chosen - 1, -1)
        return regions, lesion, positive

    def _box_losses(
        self,
        x: tuple[Tensor, ...],
        regions: Tensor,
        positive: Tensor,
        boxes: Tensor,
        labels: Tensor,
    ) -> dict[str, Tensor]:
        """Return the losses of the box head; boxes (R, 4) and labels (R,) are those of lesions."""
        head = self.bbox_head
        results = self._bbox_forward(x, regions)
        targets = torch.where(positive[:, None], boxes, regions[:, 1:])
        weights = torch.ones_like(regions[:, 0])
        if self.train_cfg.pos_weight > 0:
            weights = torch.where(positive, self.train_cfg.pos_weight, weights)
        return head.loss(
            results['cls_score'],
            results['bbox_pred'],
            regions,
            torch.where(positive, labels, head.num_classes),
            weights,
            head.bbox_coder.encode(regions[:, 1:], targets),
            positive[:, None].expand(-1, 4).float(),
        )

    def _mask_loss(
        self,
        x: tuple[Tensor, ...],
        regions: Tensor,
        lesion: Tensor,
        masks: np.ndarray,
        labels: Tensor,
    ) -> dict[str, Tensor]:
        """Return the loss of the mask head; masks (L, H, W) are those of all lesions."""
        predicted = self._mask_forward(x, regions)['mask_preds']
        if not len(predicted):
            return {'loss_mask': predicted.sum()}
        truth = torch.from_numpy(masks).to(regions.device)[:, None].to(regions.dtype)
        where = torch.cat([lesion[:, None].to(regions.dtype), regions[:, 1:]], 1)
        # `BitmapMasks.crop_and_resize` does the same for one image.
        cells = roi_align(truth, where, _pair(self.train_cfg.mask_size), 1.0, 0, 'avg', True)
        if self.mask_head.class_agnostic:
            labels = torch.zeros_like(labels)
        targets = (cells[:, 0] >= 0.5).to(regions.dtype)
        return {'loss_mask': self.mask_head.loss_mask(predicted, targets, labels)}
