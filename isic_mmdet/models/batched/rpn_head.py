"""The RPN with targets, losses and proposals of all images of a batch at once."""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as functional
from mmdet.models.losses import CrossEntropyLoss
from mmdet.models.task_modules.coders import DeltaXYWHBBoxCoder
from mmdet.models.task_modules.prior_generators import AnchorGenerator
from mmdet.registry import MODELS
from mmengine.config import ConfigDict
from mmengine.structures import InstanceData
from torch import Tensor

from isic_mmdet.models.batched.boxes import clip, decode, encode
from isic_mmdet.models.batched.nms import kept_boxes
from isic_mmdet.models.batched.targets import assign, check_rules, draw, pick
from isic_mmdet.models.batched.truth import Truth, sides
from isic_mmdet.models.float32_heads import Float32RPNHead


@MODELS.register_module()
class BatchedRPNHead(Float32RPNHead):
    """`Float32RPNHead` whose number of operations does not grow with the batch.

    Losses and proposals are those of mmdet's head, except for which anchors are drawn at random.
    `LesionMaskRCNN` trains this head together with `BatchedRoIHead`.

    Raises:
        ValueError: the config has settings that this head does not support.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        coder = self.bbox_coder
        known = (
            type(self.prior_generator) is AnchorGenerator
            and type(coder) is DeltaXYWHBBoxCoder
            and coder.clip_border
            and not coder.add_ctr_clamp
            and not self.reg_decoded_bbox
            and type(self.loss_cls) is CrossEntropyLoss
            and self.use_sigmoid_cls
            and (not self.train_cfg or self.train_cfg.allowed_border < 0)
        )
        if not known:
            raise ValueError(
                'BatchedRPNHead needs an AnchorGenerator, a DeltaXYWHBBoxCoder with '
                'clip_border=True and add_ctr_clamp=False, reg_decoded_bbox=False, '
                'CrossEntropyLoss with use_sigmoid=True, and allowed_border=-1: use Float32RPNHead'
            )
        if self.train_cfg:
            check_rules(self.assigner, self.sampler)
        # A buffer is on the device already when the anchors are made.
        self.register_buffer(
            'base_anchors', torch.stack(self.prior_generator.base_anchors), persistent=False
        )

    def batch_loss(
        self, x: Sequence[Tensor], truth: Truth, cfg: ConfigDict
    ) -> tuple[dict[str, Tensor], Tensor, Tensor]:
        """Return losses and proposals.

        Args:
            x: feature maps.
            truth: of N images.
            cfg: `train_cfg.rpn_proposal`.

        Returns:
            `loss_rpn_cls` and `loss_rpn_bbox`, scalars; boxes of P proposals, (N, P, 4); and
            (N, P) bool, which of them are real.
        """
        cls_scores, bbox_preds = self(x)
        anchors, corners = self._anchors(cls_scores)
        losses = self._losses(cls_scores, bbox_preds, torch.cat(anchors), torch.cat(corners), truth)
        boxes, scores = self._proposals(cls_scores, bbox_preds, anchors, truth.sizes, cfg)
        return losses, boxes, scores >= 0

    def batch_predict(self, x: Sequence[Tensor], sizes: Tensor) -> tuple[Tensor, Tensor]:
        """Return P proposals of N images: boxes (N, P, 4), and (N, P) bool, which are real.

        Args:
            x: feature maps.
            sizes: (N, 2), width and height of the images.
        """
        cls_scores, bbox_preds = self(x)
        anchors, _ = self._anchors(cls_scores)
        boxes, scores = self._proposals(cls_scores, bbox_preds, anchors, sizes, self.test_cfg)
        return boxes, scores >= 0

    def _losses(
        self,
        cls_scores: Sequence[Tensor],
        bbox_preds: Sequence[Tensor],
        anchors: Tensor,
        corners: Tensor,
        truth: Truth,
    ) -> dict[str, Tensor]:
        """Return the losses; see `_anchors` for anchors and corners."""
        # Cells that begin in the padding have no anchors.
        usable = (corners < truth.padded[:, None]).all(-1)
        boxes = anchors.expand(len(usable), -1, -1)
        assigned = assign(self.assigner, boxes, usable, truth.boxes, truth.real)
        index, drawn = draw(self.sampler, assigned)
        chosen = pick(assigned, index)
        positive = drawn & (chosen > 0)
        weights = drawn.float()
        if self.train_cfg.pos_weight > 0:
            weights = weights.masked_fill(positive, self.train_cfg.pos_weight)
        own = pick(truth.boxes, (chosen - 1).clamp(min=0))
        targets = encode(self.bbox_coder, anchors[index], own)
        # As in mmdet: at least one of each kind for every image.
        number = positive.sum(1).clamp(min=1) + (drawn & ~positive).sum(1).clamp(min=1)
        average = number.sum()
        scores = pick(_by_anchor(cls_scores, 1), index)
        deltas = pick(_by_anchor(bbox_preds, 4), index)
        # mmdet's losses of boxes wait for the sum of weights; equal deltas need no weight.
        other = ~positive[..., None]
        deltas, targets = deltas.masked_fill(other, 0), targets.masked_fill(other, 0)
        return {
            'loss_rpn_cls': self.loss_cls(
                scores, positive[..., None], weights[..., None], avg_factor=average
            ),
            'loss_rpn_bbox': self.loss_bbox(deltas, targets, avg_factor=average),
        }

    def predict_by_feat(
        self,
        cls_scores: list[Tensor],
        bbox_preds: list[Tensor],
        score_factors: list[Tensor] | None = None,
        batch_img_metas: list[dict[str, Any]] | None = None,
        cfg: ConfigDict | None = None,
        rescale: bool = False,
        with_nms: bool = True,
    ) -> list[InstanceData]:
        """Return the proposals of N images: `bboxes`, falling `scores`, and `labels` of 0.

        Args are those of mmdet; `cfg` is the head's own where it is None.

        Raises:
            ValueError: an argument or the kind of suppression is not supported.
        """
        cfg = self.test_cfg if cfg is None else cfg
        if rescale or not with_nms:
            raise ValueError(
                'BatchedRPNHead makes proposals for a second stage: use Float32RPNHead'
            )
        assert batch_img_metas is not None
        device = cls_scores[0].device
        sizes = sides([meta['img_shape'] for meta in batch_img_metas], device)
        anchors, _ = self._anchors(cls_scores)
        boxes, scores = self._proposals(cls_scores, bbox_preds, anchors, sizes, cfg)
        counts = (scores >= 0).sum(1).tolist()
        return [
            InstanceData(
                bboxes=boxes[image, :count],
                scores=scores[image, :count],
                labels=torch.zeros(count, dtype=torch.int64, device=device),
            )
            for image, count in enumerate(counts)
        ]

    def _anchors(self, maps: Sequence[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        """Return the anchors of each level, (B, 4), and the corner of the cell of each, (B, 2)."""
        strides = self.prior_generator.strides
        anchors, corners = [], []
        for each, base, (width, height) in zip(maps, self.base_anchors, strides, strict=True):
            rows, columns = (torch.arange(side, device=each.device) for side in each.shape[-2:])
            y, x = torch.meshgrid(rows * height, columns * width, indexing='ij')
            corner = torch.stack([x, y], -1).reshape(-1, 1, 2)
            anchors.append((base + corner.repeat(1, 1, 2)).reshape(-1, 4))
            corners.append(corner.expand(-1, len(base), -1).reshape(-1, 2))
        return anchors, corners

    def _proposals(
        self,
        cls_scores: Sequence[Tensor],
        bbox_preds: Sequence[Tensor],
        anchors: Sequence[Tensor],
        sizes: Tensor,
        cfg: ConfigDict,
    ) -> tuple[Tensor, Tensor]:
        """Suppress boxes in each level, and return the best of all levels for each image.

        Args:
            cls_scores: (N, A, H, W) of each level.
            bbox_preds: (N, 4A, H, W) of each level.
            anchors: see `_anchors`.
            sizes: (N, 2), width and height of the images.
            cfg: see `predict_by_feat`.

        Returns:
            Boxes (N, P, 4) and falling scores (N, P); a score of -1 marks padding.

        Raises:
            ValueError: the kind of suppression is not supported.
        """
        if cfg.nms.type != 'nms' or set(cfg.nms) != {'type', 'iou_threshold'}:
            raise ValueError('BatchedRPNHead makes proposals by plain nms: use Float32RPNHead')
        found = []
        for level, scores, deltas in zip(anchors, cls_scores, bbox_preds, strict=True):
            # The second stage does not train the boxes of the first.
            scores = _by_anchor([scores.detach()], 1)[..., 0].sigmoid()
            count = scores.shape[1]
            scores, best = scores.topk(min(cfg.nms_pre, count) if cfg.nms_pre > 0 else count)
            deltas = pick(_by_anchor([deltas.detach()], 4), best)
            boxes = decode(self.bbox_coder, level[best], deltas)
            found.append((clip(boxes, sizes), scores))
        return _best(found, cfg)


def _by_anchor(maps: Sequence[Tensor], values: int) -> Tensor:
    """Return (N, B, values) of (N, A * values, H, W) maps, in the order of the anchors."""
    flat = [each.permute(0, 2, 3, 1).reshape(len(each), -1, values) for each in maps]
    return torch.cat(flat, 1)


def _best(found: Sequence[tuple[Tensor, Tensor]], cfg: ConfigDict) -> tuple[Tensor, Tensor]:
    """Return boxes and scores as `BatchedRPNHead._proposals`.

    Args:
        found: boxes (N, B, 4) and falling scores (N, B) of each level.
        cfg: see `BatchedRPNHead.predict_by_feat`.
    """
    images = len(found[0][0])
    longest = max(scores.shape[1] for _, scores in found)
    boxes = torch.cat(
        [functional.pad(each, (0, 0, 0, longest - each.shape[1])) for each, _ in found]
    )
    # Objectness is at least 0, so -1 marks padding and, further below, suppressed boxes.
    scores = torch.cat(
        [functional.pad(each, (0, longest - each.shape[1]), value=-1) for _, each in found]
    )
    real = scores >= 0
    if cfg.min_bbox_size >= 0:
        real = real & (boxes[..., 2:] - boxes[..., :2] > cfg.min_bbox_size).all(-1)
    scores = scores.masked_fill(~kept_boxes(boxes, real, cfg.nms.iou_threshold), -1)
    # From (levels * N, B) to (N, levels * B).
    boxes, scores = (torch.cat(each.split(images), 1) for each in (boxes, scores))
    scores, index = scores.topk(min(cfg.max_per_img, scores.shape[1]))
    return pick(boxes, index), scores
