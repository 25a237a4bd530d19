"""The RPN with targets, losses and proposals of all images of a batch at once."""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as functional
from mmdet.models.task_modules.prior_generators import anchor_inside_flags
from mmdet.registry import MODELS
from mmengine.config import ConfigDict
from mmengine.structures import InstanceData
from torch import Tensor

from isic_mmdet.models.batched.nms import kept_boxes
from isic_mmdet.models.batched.targets import assign, check_rules, draw, pad, pick
from isic_mmdet.models.float32_heads import Float32RPNHead


@MODELS.register_module()
class BatchedRPNHead(Float32RPNHead):
    """`Float32RPNHead` whose number of operations does not grow with the batch.

    Losses and proposals are those of mmdet's head, except for which anchors are drawn at random.

    Raises:
        ValueError: the config has settings that this head does not support.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.reg_decoded_bbox or not self.bbox_coder.clip_border:
            raise ValueError(
                'BatchedRPNHead needs reg_decoded_bbox=False and clip_border=True of its '
                'bbox_coder: use Float32RPNHead'
            )
        if self.train_cfg:
            check_rules(self.assigner, self.sampler)

    def loss_by_feat(
        self,
        cls_scores: list[Tensor],
        bbox_preds: list[Tensor],
        batch_gt_instances: list[InstanceData],
        batch_img_metas: list[dict[str, Any]],
        batch_gt_instances_ignore: list[InstanceData] | None = None,
    ) -> dict[str, Tensor]:
        """Return `loss_rpn_cls` and `loss_rpn_bbox`, scalars.

        Args are those of mmdet: (N, A, H, W) objectness and (N, 4A, H, W) deltas of each level,
        lesions with `bboxes` and metas of N images; regions to ignore are not supported.
        """
        sizes = [level.shape[-2:] for level in cls_scores]
        anchors = torch.cat(self.prior_generator.grid_priors(sizes, device=cls_scores[0].device))
        usable = self._usable(anchors, sizes, batch_img_metas)
        lesions, real = pad([truth.bboxes for truth in batch_gt_instances])
        assigned = assign(self.assigner, anchors.expand(len(usable), -1, -1), usable, lesions, real)
        index, drawn = draw(self.sampler, assigned)
        chosen = pick(assigned, index)
        positive = drawn & (chosen > 0)
        # The background is the class after the last one.
        labels = torch.where(positive, 0, self.num_classes)
        weights = drawn.float()
        if self.train_cfg.pos_weight > 0:
            weights = torch.where(positive, self.train_cfg.pos_weight, weights)
        of = anchors[index]
        # Without a lesion, an anchor is its own target, with weight 0.
        targets = of.clone()
        if lesions.shape[1]:
            targets = torch.where(positive[..., None], pick(lesions, (chosen - 1).clamp(min=0)), of)
        targets = self.bbox_coder.encode(of.flatten(0, 1), targets.flatten(0, 1))
        # As in mmdet: at least one of each kind for every image.
        number = positive.sum(1).clamp(min=1) + (drawn & ~positive).sum(1).clamp(min=1)
        average = number.sum()
        scores = pick(_by_anchor(cls_scores, self.cls_out_channels), index)
        deltas = pick(_by_anchor(bbox_preds, 4), index)
        return {
            'loss_rpn_cls': self.loss_cls(
                scores.flatten(0, 1), labels.flatten(), weights.flatten(), avg_factor=average
            ),
            'loss_rpn_bbox': self.loss_bbox(
                deltas.flatten(0, 1),
                targets,
                positive.flatten()[:, None].expand(-1, 4).float(),
                avg_factor=average,
            ),
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
        plain = cfg.nms.type == 'nms' and set(cfg.nms) == {'type', 'iou_threshold'}
        if rescale or not with_nms or not plain or not self.use_sigmoid_cls:
            raise ValueError(
                'BatchedRPNHead makes proposals for a second stage, by plain nms and a sigmoid: '
                'use Float32RPNHead'
            )
        assert batch_img_metas is not None
        levels = self.prior_generator.grid_priors(
            [level.shape[-2:] for level in cls_scores], device=cls_scores[0].device
        )
        sizes = cls_scores[0].new_tensor([meta['img_shape'][:2] for meta in batch_img_metas])
        found = []
        for anchors, scores, deltas in zip(levels, cls_scores, bbox_preds, strict=True):
            # The second stage does not train the boxes of the first.
            scores = _by_anchor([scores.detach()], 1)[..., 0].sigmoid()
            count = scores.shape[1]
            scores, best = scores.topk(min(cfg.nms_pre, count) if cfg.nms_pre > 0 else count)
            boxes = self.bbox_coder.decode(
                anchors[best].flatten(0, 1),
                pick(_by_anchor([deltas.detach()], 4), best).flatten(0, 1),
            ).view(*best.shape, 4)
            limits = sizes[:, None, [1, 0, 1, 0]]
            found.append((torch.minimum(boxes.clamp(min=0), limits), scores))
        return _best(found, cfg)

    def _usable(
        self, anchors: Tensor, sizes: Sequence[torch.Size], metas: Sequence[dict[str, Any]]
    ) -> Tensor:
        """Return which anchors of levels of these sizes lie in each image, (N, B) bool."""
        known: dict[Any, Tensor] = {}
        flags = []
        for meta in metas:
            shapes = (tuple(meta['pad_shape'][:2]), tuple(meta['img_shape'][:2]))
            if shapes not in known:
                valid = torch.cat(
                    self.prior_generator.valid_flags(sizes, shapes[0], device=anchors.device)
                )
                known[shapes] = anchor_inside_flags(
                    anchors, valid, shapes[1], self.train_cfg.allowed_border
                )
            flags.append(known[shapes])
        return torch.stack(flags)


def _by_anchor(maps: Sequence[Tensor], values: int) -> Tensor:
    """Return (N, B, values) of (N, A * values, H, W) maps, in the order of the anchors."""
    flat = [each.permute(0, 2, 3, 1).reshape(len(each), -1, values) for each in maps]
    return torch.cat(flat, 1)


def _best(found: Sequence[tuple[Tensor, Tensor]], cfg: ConfigDict) -> list[InstanceData]:
    """Suppress boxes in each level, and return the best of all levels for each image.

    Args:
        found: boxes (N, B, 4) and falling scores (N, B) of each level.
        cfg: see `BatchedRPNHead.predict_by_feat`.
    """
    images = len(found[0][0])
    lengths = torch.tensor([scores.shape[1] for _, scores in found], device=found[0][0].device)
    longest = max(scores.shape[1] for _, scores in found)
    boxes = torch.cat(
        [functional.pad(each, (0, 0, 0, longest - each.shape[1])) for each, _ in found]
    )
    scores = torch.cat([functional.pad(each, (0, longest - each.shape[1])) for _, each in found])
    real = torch.arange(longest, device=boxes.device) < lengths.repeat_interleave(images)[:, None]
    if cfg.min_bbox_size >= 0:
        real = real & (boxes[..., 2:] - boxes[..., :2] > cfg.min_bbox_size).all(-1)
    kept = kept_boxes(boxes, real, cfg.nms.iou_threshold)
    # From (levels * N, B) to (N, levels * B).
    boxes, scores, kept = (torch.cat(each.split(images), 1) for each in (boxes, scores, kept))
    # Objectness is at least 0, so -1 marks suppressed boxes.
    scores = scores.masked_fill(~kept, -1)
    scores, index = scores.topk(min(cfg.max_per_img, scores.shape[1]))
    boxes = pick(boxes, index)
    counts = (scores >= 0).sum(1).tolist()
    return [
        InstanceData(
            bboxes=boxes[image, :count],
            scores=scores[image, :count],
            labels=index.new_zeros(count),
        )
        for image, count in enumerate(counts)
    ]
