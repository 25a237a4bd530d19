"""The second stage with regions, targets and losses of all images of a batch at once.

N images, S regions in an image, R = N * S; a region is the index of its image and a box.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from mmdet.models.roi_heads import StandardRoIHead
from mmdet.models.roi_heads.roi_extractors import SingleRoIExtractor
from mmdet.models.task_modules.coders import DeltaXYWHBBoxCoder
from mmdet.registry import MODELS
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.utils import _pair

from isic_mmdet.models.batched.boxes import clip, decode, encode
from isic_mmdet.models.batched.pool import pool, roi_align
from isic_mmdet.models.batched.targets import (
    IGNORED,
    assign,
    check_rules,
    draw,
    most_positives,
    numbers,
    pick,
)
from isic_mmdet.models.batched.truth import Truth
from isic_mmdet.models.bce_jaccard_loss import BCEJaccardLoss


class BestRegions(NamedTuple):
    """The detection with the highest score in each of N images, on the device of the model."""

    boxes: Tensor  # (N, 4) float32 as (x1, y1, x2, y2) in pixels of the network's input
    scores: Tensor  # (N,) float32 in [0, 1], -1 in an image without a proposal
    labels: Tensor  # (N,) int64
    masks: Tensor  # (N, K, h, w) float32, the logits of the mask head


@MODELS.register_module()
class BatchedRoIHead(StandardRoIHead):
    """mmdet's `StandardRoIHead` whose number of operations does not grow with the batch.

    The losses are those of mmdet's head, except for which proposals are drawn at random.
    `LesionMaskRCNN` trains this head together with `BatchedRPNHead`.

    The mask head gets a fixed number of regions, with a weight of 0 for those without a lesion, if
    it has no batch norm and its loss is `BCEJaccardLoss`. Any other gets the regions with a lesion
    only, and a GPU waits for their number in each step.

    Args:
        **kwargs: of `mmdet.models.roi_heads.StandardRoIHead`, with a mask head and a mask
            extractor.

    Attributes:
        mask_regions_are_fixed: the mask head gets a fixed number of regions in training.

    Raises:
        ValueError: the config has settings that this head does not support.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        extractors = (self.bbox_roi_extractor, self.mask_roi_extractor) if self.with_mask else ()
        known = (
            self.with_mask
            and not self.share_roi_extractor
            and not self.with_shared_head
            and all(type(each) is SingleRoIExtractor for each in extractors)
            and type(self.bbox_head.bbox_coder) is DeltaXYWHBBoxCoder
            and self.bbox_head.bbox_coder.clip_border
            and not self.bbox_head.bbox_coder.add_ctr_clamp
            and not self.bbox_head.reg_decoded_bbox
            and not self.bbox_head.custom_activation
            and not _has_batch_norm(self.bbox_head)
        )
        if not known:
            raise ValueError(
                'BatchedRoIHead needs mask_head and mask_roi_extractor, no shared_head, '
                'extractors of type SingleRoIExtractor, and a bbox_head with DeltaXYWHBBoxCoder '
                '(clip_border=True, add_ctr_clamp=False), reg_decoded_bbox=False, a loss_cls '
                'without custom activation and no batch norm: use StandardRoIHead'
            )
        if self.train_cfg:
            check_rules(self.bbox_assigner, self.bbox_sampler)
            if self.train_cfg.get('soft_mask_target', False):
                raise ValueError('BatchedRoIHead supports no soft_mask_target: use StandardRoIHead')
        weighted = isinstance(self.mask_head.loss_mask, BCEJaccardLoss)
        self.mask_regions_are_fixed = weighted and not _has_batch_norm(self.mask_head)

    def batch_loss(
        self, x: Sequence[Tensor], proposals: Tensor, usable: Tensor, truth: Truth
    ) -> dict[str, Tensor]:
        """Return `loss_cls`, `acc`, `loss_bbox` and `loss_mask`.

        Args:
            x: feature maps.
            proposals: (N, P, 4).
            usable: (N, P) bool, which of them are real.
            truth: of N images.
        """
        boxes, lesion, drawn = self._sample(proposals, usable, truth)
        losses = self._box_losses(x, boxes, lesion, drawn, truth)
        # Regions with a lesion come first.
        most = most_positives(self.bbox_sampler)
        return losses | self._mask_loss(x, boxes[:, :most], lesion[:, :most], truth)

    def best_regions(
        self, x: Sequence[Tensor], proposals: Tensor, usable: Tensor, sizes: Tensor
    ) -> BestRegions:
        """Return the best detection of each image.

        It is what `predict` returns with `max_per_img=1` and `score_thr=-1`: suppression never
        removes the box with the highest score.

        Args:
            x: feature maps.
            proposals: (N, P, 4).
            usable: (N, P) bool, which of them are real.
            sizes: (N, 2), width and height of the images.
        """
        head = self.bbox_head
        scores, deltas = head(pool(self.bbox_roi_extractor, x, _regions(proposals)))
        scores = scores.softmax(1)[:, :-1].unflatten(0, usable.shape)
        scores = scores.masked_fill(~usable[..., None], -1).flatten(1)
        scores, best = scores.max(1)
        index, labels = best // head.num_classes, best % head.num_classes
        # The deltas of the class, or those of all classes.
        deltas = deltas.unflatten(1, (-1, 4)).unflatten(0, usable.shape)
        deltas = pick(deltas, index[:, None])[:, 0]
        deltas = pick(deltas, labels.clamp(max=deltas.shape[1] - 1)[:, None])
        boxes = clip(decode(head.bbox_coder, pick(proposals, index[:, None]), deltas), sizes)
        masks = self.mask_head(pool(self.mask_roi_extractor, x, _regions(boxes)))
        return BestRegions(boxes[:, 0], scores, labels, masks)

    def _sample(
        self, proposals: Tensor, usable: Tensor, truth: Truth
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Draw the boxes that are trained on.

        Returns:
            Boxes (N, S, 4); the lesion of each, (N, S) int64, an index into the lesions of its
            image or -1; and (N, S) bool, which boxes were drawn. The others have no lesion.
        """
        assigned = assign(self.bbox_assigner, proposals, usable, truth.boxes, truth.real)
        if self.bbox_sampler.add_gt_as_proposals:
            proposals = torch.cat([truth.boxes, proposals], 1)
            own = numbers(truth.real).expand_as(truth.real).masked_fill(~truth.real, IGNORED)
            assigned = torch.cat([own, assigned], 1)
        index, drawn = draw(self.bbox_sampler, assigned)
        lesion = (pick(assigned, index) - 1).clamp(min=-1).masked_fill(~drawn, -1)
        return pick(proposals, index), lesion, drawn

    def _box_losses(
        self, x: Sequence[Tensor], boxes: Tensor, lesion: Tensor, drawn: Tensor, truth: Truth
    ) -> dict[str, Tensor]:
        """Return the losses of the box head; see `_sample` for boxes, lesion and drawn."""
        head = self.bbox_head
        scores, deltas = head(pool(self.bbox_roi_extractor, x, _regions(boxes)))
        own = lesion.clamp(min=0)
        targets = encode(head.bbox_coder, boxes, pick(truth.boxes, own)).flatten(0, 1)
        labels = pick(truth.labels, own).masked_fill(lesion < 0, head.num_classes).flatten()
        positive, drawn = (lesion >= 0).flatten(), drawn.flatten()
        weights = drawn.float()
        if self.train_cfg.pos_weight > 0:
            weights = weights.masked_fill(positive, self.train_cfg.pos_weight)
        number = drawn.sum().clamp(min=1)
        right = (scores.argmax(1) == labels) & drawn
        # The deltas of the class of the lesion, or those of all classes.
        deltas = deltas.unflatten(1, (-1, 4))
        deltas = pick(deltas, labels.clamp(max=deltas.shape[1] - 1)[:, None])[:, 0]
        # mmdet's losses of boxes wait for the sum of weights; equal deltas need no weight.
        other = ~positive[:, None]
        deltas, targets = deltas.masked_fill(other, 0), targets.masked_fill(other, 0)
        return {
            'loss_cls': head.loss_cls(scores, labels, weights, avg_factor=number),
            'acc': 100 * right.sum(0, keepdim=True) / number,
            'loss_bbox': head.loss_bbox(deltas, targets, avg_factor=number),
        }

    def _mask_loss(
        self, x: Sequence[Tensor], boxes: Tensor, lesion: Tensor, truth: Truth
    ) -> dict[str, Tensor]:
        """Return the loss of the mask head; see `_sample` for boxes and lesion."""
        own = lesion.clamp(min=0)
        regions, labels = _regions(boxes), pick(truth.labels, own).flatten()
        first = truth.boxes.shape[1] * torch.arange(len(boxes), device=boxes.device)[:, None]
        mask, positive = (first + own).flatten(), (lesion >= 0).flatten()
        if not self.mask_regions_are_fixed:
            regions, labels, mask = (each[positive] for each in (regions, labels, mask))
        predicted = self.mask_head(pool(self.mask_roi_extractor, x, regions))
        if not len(predicted):
            return {'loss_mask': predicted.sum()}
        masks = truth.masks.flatten(0, 1)[:, None].to(boxes.dtype)
        where = torch.cat([mask[:, None].to(boxes.dtype), regions[:, 1:]], 1)
        # `BitmapMasks.crop_and_resize` does the same for one image.
        cells = roi_align(masks, where, _pair(self.train_cfg.mask_size), 1.0)
        targets = (cells[:, 0] >= 0.5).to(boxes.dtype)
        if self.mask_head.class_agnostic:
            labels = torch.zeros_like(labels)
        weight = (positive.float(),) if self.mask_regions_are_fixed else ()
        return {'loss_mask': self.mask_head.loss_mask(predicted, targets, labels, *weight)}


def _regions(boxes: Tensor) -> Tensor:
    """Return (N * S, 5) regions of (N, S, 4) boxes."""
    image = torch.arange(len(boxes), device=boxes.device)[:, None, None]
    image = image.expand(-1, boxes.shape[1], -1).to(boxes.dtype)
    return torch.cat([image, boxes], 2).flatten(0, 1)


def _has_batch_norm(head: nn.Module) -> bool:
    return any(isinstance(module, _NormBase) for module in head.modules())
