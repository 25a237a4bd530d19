"""The detector as one graph: from an image at network size to its lesion.

mmdet predicts with loops over lists of objects. This module runs the same layers on tensors only,
so that it can be traced. N images, H x W pixels, C classes, P proposals per image, M x M pixels of
a mask.
"""

from collections.abc import Sequence

import torch
from mmcv.ops import RoIAlign
from mmdet.models.detectors import MaskRCNN
from mmdet.models.roi_heads.roi_extractors import SingleRoIExtractor
from mmdet.models.task_modules.coders import DeltaXYWHBBoxCoder
from mmdet.models.task_modules.coders.delta_xywh_bbox_coder import delta2bbox
from torch import Tensor, nn

from isic_mmdet.deploy.export.operators import first_boxes, pyramid_roi_align
from isic_mmdet.models.lesion_diagnosis import LesionDiagnosisRoIHead


class LesionGraph(nn.Module):
    """A Mask R-CNN of mmdet that returns the detection with the highest score.

    The box with the highest score is never suppressed, so the last suppression is skipped.

    Args:
        model: in evaluation mode; its layers are shared, not copied.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, model: MaskRCNN) -> None:
        super().__init__()
        self.backbone, self.neck = model.backbone, model.neck
        self.rpn_head, self.roi_head = model.rpn_head, model.roi_head
        pixels = model.data_preprocessor
        self.flip_channels = not pixels._channel_conversion
        self.register_buffer('mean', pixels.mean)
        self.register_buffer('std', pixels.std)

    def forward(self, image: Tensor, size: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return the lesion of every image.

        Args:
            image: (N, H, W, 3) uint8, RGB; H and W are multiples of 32.
            size: (N, 2) int64, height and width without the padding at the bottom and on the
                right.

        Returns:
            scores (N,) float32 in [0, 1], 0 without a proposal; labels (N,) int64; boxes
            (N, 4) float32 as (x1, y1, x2, y2) in pixels of `image`; and masks (N, M, M) float32,
            probabilities in [0, 1] over the box.
        """
        features = self.neck(self.backbone(self._normalized(image, size)))
        proposals, valid = self._proposals(features, size)
        scores, labels, boxes = self._best_box(features, proposals, valid, size)
        masks = self._mask(features, boxes, labels)
        if isinstance(self.roi_head, LesionDiagnosisRoIHead):
            scores, labels = self._diagnosed(features, scores, boxes, size)
        return scores, labels, boxes, masks

    def _normalized(self, image: Tensor, size: Tensor) -> Tensor:
        """Return (N, 3, H, W) float32, zero in the padding."""
        pixels = image.permute(0, 3, 1, 2).float()
        if self.flip_channels:
            pixels = pixels.flip(1)
        rows = torch.arange(pixels.shape[2], device=image.device) < size[:, :1]
        columns = torch.arange(pixels.shape[3], device=image.device) < size[:, 1:]
        inside = rows[:, None, :, None] & columns[:, None, None, :]
        return (pixels - self.mean) / self.std * inside

    def _proposals(self, features: Sequence[Tensor], size: Tensor) -> tuple[Tensor, Tensor]:
        """Return (N, P, 4) boxes, and (N, P) bool, which of them are valid."""
        cfg = self.rpn_head.test_cfg
        all_scores, all_deltas = self.rpn_head(features)
        priors = self.rpn_head.prior_generator.grid_priors(
            [level.shape[-2:] for level in all_scores], device=size.device
        )
        chosen = [
            _best_anchors(*level, cfg.nms_pre)
            for level in zip(all_scores, all_deltas, priors, strict=True)
        ]
        scores, deltas, anchors = (torch.cat(parts, 1) for parts in zip(*chosen, strict=True))
        boxes = _decoded(self.rpn_head.bbox_coder, anchors, deltas, size)
        sides = boxes[..., 2:] - boxes[..., :2]
        valid = (scores >= 0) & (sides > cfg.get('min_bbox_size', -1)).all(-1)
        scores = torch.where(valid, scores, -1.0)
        # Boxes of different levels are not compared: each level is shifted by another offset.
        extent = torch.where(valid[..., None], boxes, 0.0).amax((1, 2)) + 1
        level = torch.arange(len(chosen), device=boxes.device).repeat_interleave(cfg.nms_pre)
        apart = boxes + (level * extent[:, None])[..., None]
        kept = first_boxes(apart, scores, cfg.max_per_img, cfg.nms.iou_threshold)
        return _rows(boxes, kept.clamp(min=0)), kept >= 0

    def _best_box(
        self, features: Sequence[Tensor], proposals: Tensor, valid: Tensor, size: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return score (N,), label (N,) and box (N, 4) of the best of all boxes and classes."""
        head = self.roi_head.bbox_head
        images, count = proposals.shape[:2]
        rois = _with_image_index(proposals)
        class_scores, deltas = head(_extracted(self.roi_head.bbox_roi_extractor, features, rois))
        # (N, P, C): the last class is the background.
        scores = class_scores.softmax(-1)[:, :-1].reshape(images, count, -1)
        scores = torch.where(valid[..., None], scores, 0.0).flatten(1)
        best_scores, best = scores.max(1)
        classes = head.num_classes
        labels = best % classes
        chosen = best // classes
        deltas = deltas.reshape(images, count, -1, 4)
        of_class = torch.zeros_like(labels) if head.reg_class_agnostic else labels
        rows = _rows(deltas.flatten(1, 2), (chosen * deltas.shape[2] + of_class)[:, None])
        boxes = _decoded(head.bbox_coder, _rows(proposals, chosen[:, None]), rows, size)
        return best_scores, labels, boxes[:, 0]

    def _mask(self, features: Sequence[Tensor], boxes: Tensor, labels: Tensor) -> Tensor:
        """Return (N, M, M) probabilities of the boxes' masks."""
        head = self.roi_head.mask_head
        rois = _with_image_index(boxes[:, None])
        logits = head(_extracted(self.roi_head.mask_roi_extractor, features, rois))
        of_class = torch.zeros_like(labels) if head.class_agnostic else labels
        return _rows(logits.flatten(2), of_class[:, None]).reshape(-1, *logits.shape[2:]).sigmoid()

    def _diagnosed(
        self, features: Sequence[Tensor], scores: Tensor, boxes: Tensor, size: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return score (N,) and label (N,) of the most likely diagnosis of the boxes (N, 4).

        The threshold applies to the score of the box alone; boxes below it get a score of 0.
        """
        head = self.roi_head.diagnosis_head
        height, width = size.to(boxes.dtype).unbind(1)
        corner = torch.zeros_like(height)
        image = torch.stack([corner, corner, width, height], 1)
        only_level = torch.zeros_like(size[:, 0])
        pooled = [
            _pooled([pool], [level], _with_image_index(regions[:, None]), only_level)
            for pool, level in zip(head.pools, features[-len(head.pools) :], strict=True)
            for regions in head.regions(boxes, image)
        ]
        chances, labels = head(pooled).softmax(1).max(1)
        detected = scores > self.roi_head.test_cfg.score_thr
        return torch.where(detected, scores * chances, 0.0), labels


def _best_anchors(
    scores: Tensor, deltas: Tensor, priors: Tensor, number: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the best anchors of a level: scores (N, K), deltas (N, K, 4), anchors (N, K, 4).

    Args:
        scores: (N, A, h, w) objectness, before the sigmoid.
        deltas: (N, 4A, h, w).
        priors: (h * w * A, 4) anchors.
        number: K; a level with fewer anchors is filled up with scores of -1.
    """
    scores = scores.permute(0, 2, 3, 1).flatten(1).sigmoid()
    deltas = deltas.permute(0, 2, 3, 1).reshape(scores.shape[0], -1, 4)
    filled = torch.cat([scores, scores.new_full((scores.shape[0], number), -1)], 1)
    best_scores, best = filled.topk(number)
    best = best.clamp(max=priors.shape[0] - 1)
    return best_scores, _rows(deltas, best), priors[best]


def _decoded(coder: DeltaXYWHBBoxCoder, boxes: Tensor, deltas: Tensor, size: Tensor) -> Tensor:
    """Return the (N, K, 4) `boxes` moved by `deltas`, clipped to the image."""
    moved = delta2bbox(boxes.flatten(0, 1), deltas.flatten(0, 1), coder.means, coder.stds).reshape(
        boxes.shape
    )
    height, width = size[:, :1, None].to(moved.dtype), size[:, 1:, None].to(moved.dtype)
    limits = torch.cat([width, height, width, height], -1)
    return torch.minimum(moved.clamp(min=0), limits)


def _extracted(extractor: SingleRoIExtractor, features: Sequence[Tensor], rois: Tensor) -> Tensor:
    """Return (R, C, S, S) features of (R, 5) regions, each from the level for its size."""
    levels = features[: extractor.num_inputs]
    return _pooled(extractor.roi_layers, levels, rois, extractor.map_roi_levels(rois, len(levels)))


def _pooled(
    layers: Sequence[RoIAlign], levels: Sequence[Tensor], rois: Tensor, level_of: Tensor
) -> Tensor:
    """Return (R, C, S, S) features of (R, 5) regions from the levels `level_of` (R,) int64."""
    scales = [layer.spatial_scale for layer in layers]
    size, ratio, aligned = layers[0].output_size[0], layers[0].sampling_ratio, layers[0].aligned
    return pyramid_roi_align(list(levels), rois, level_of, scales, size, ratio, aligned)


def _with_image_index(boxes: Tensor) -> Tensor:
    """Return (N, P, 4) boxes as (N * P, 5) regions with the index of their image in front."""
    index = torch.arange(boxes.shape[0], device=boxes.device, dtype=boxes.dtype)
    index = index[:, None, None].expand(-1, boxes.shape[1], 1)
    return torch.cat([index, boxes], -1).flatten(0, 1)


def _rows(table: Tensor, index: Tensor) -> Tensor:
    """Return rows of every image: (N, S, D) at (N, K) gives (N, K, D)."""
    return table.gather(1, index[..., None].expand(-1, -1, table.shape[2]))
