"""The diagnosis of a lesion from backbone features of the lesion and of the skin around it.

Mask R-CNN classifies with the features of the pyramid that it also finds lesions with. A pyramid
without pretrained weights would have to learn the diagnosis from a few hundred melanomas. The
first stages of the backbone have weights, so a linear classifier on them predicts the diagnosis,
once per image, and the other heads only find the lesion.

N images, R regions (image index, x1, y1, x2, y2), C channels, K diagnoses.
"""

from collections.abc import Sequence
from typing import Any

import torch
from mmcv.ops import RoIAlign
from mmdet.models.roi_heads import StandardRoIHead
from mmdet.registry import MODELS
from mmdet.structures import DetDataSample
from mmdet.structures.bbox import bbox2roi, get_box_tensor
from mmengine.model import BaseModule
from mmengine.structures import InstanceData
from torch import Tensor, nn

from isic_mmdet.compat.mmcv_ops import at_least_float32

_BINS = 7
_STATISTICS = 3


class DiagnosisHead(BaseModule):
    """A linear classifier of mean, standard deviation and maximum of features.

    Subclasses have `forward`. It takes the result of `pooled`, and returns logits (R, K), float32.

    Args:
        pools: one for each map that `pooled` gets.
        in_channels: of the features, map by map; those of lesion and image are as many.
        num_classes: K.
        loss: of the logits; `class_weight` can balance rare and common diagnoses.
    """

    def __init__(
        self,
        pools: Sequence[RoIAlign],
        in_channels: Sequence[int],
        num_classes: int,
        loss: dict[str, Any],
    ) -> None:
        super().__init__(dict(type='Normal', layer='Linear', std=0.01))
        self.num_classes = num_classes
        self.pools = nn.ModuleList(pools)
        widths = [c for c in in_channels for _ in range(2 * _STATISTICS)]  # lesion and image
        self.norms = nn.ModuleList(nn.LayerNorm(width) for width in widths)
        self.classify = nn.Linear(sum(widths), num_classes)
        self.criterion = MODELS.build(loss)

    def regions(self, lesions: Tensor, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return the boxes that are pooled, (R, 4) each, for boxes of lesions and their images."""
        return lesions, images

    def pooled(self, maps: Sequence[Tensor], lesions: Tensor, images: Tensor) -> list[Tensor]:
        """Return (R, C, P, P) float32 features of lesion and image, map by map.

        Args:
            maps: (N, C, H, W) each, of any precision.
            lesions: (R, 5) regions.
            images: (R, 5), for each lesion the region of its image without padding.
        """
        index = lesions[:, :1]
        regions = [
            torch.cat([index, boxes], 1) for boxes in self.regions(lesions[:, 1:], images[:, 1:])
        ]
        return [
            pool(at_least_float32(features), region)
            for pool, features in zip(self.pools, maps, strict=True)
            for region in regions
        ]

    def classified(self, features: Sequence[Tensor]) -> Tensor:
        """Return logits (R, K), float32, of (R, C, h, w) features of lesion and image, by map."""
        with torch.autocast(features[0].device.type, enabled=False):
            vectors = [vector for each in features for vector in statistics(at_least_float32(each))]
            normed = [norm(vector) for norm, vector in zip(self.norms, vectors, strict=True)]
            return self.classify(torch.cat(normed, 1))


@MODELS.register_module()
class LesionDiagnosisHead(DiagnosisHead):
    """A linear classifier of backbone features of the detector, over lesion and image.

    Args:
        in_channels: of the feature maps.
        strides: of the feature maps, in pixels of the network's input.
        num_classes: K.
        loss: see `DiagnosisHead`.
    """

    def __init__(
        self,
        in_channels: Sequence[int],
        strides: Sequence[int],
        num_classes: int,
        loss: dict[str, Any],
    ) -> None:
        pools = [RoIAlign(_BINS, 1 / stride, 2) for stride in strides]
        super().__init__(pools, in_channels, num_classes, loss)

    def forward(self, pooled: Sequence[Tensor]) -> Tensor:
        """Return logits (R, K), float32, for the result of `pooled`."""
        return self.classified(pooled)


def statistics(pooled: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return mean, standard deviation and maximum, (R, C) each, of (R, C, h, w) features."""
    bins = pooled.flatten(2)
    mean = bins.mean(2, keepdim=True)
    # The square root has no finite gradient at 0.
    deviation = ((bins - mean).square().mean(2) + 1e-6).sqrt()
    return mean[..., 0], deviation, bins.amax(2)


@MODELS.register_module()
class LesionDiagnosisRoIHead(StandardRoIHead):
    """Finds the lesion as one class, and gives every detection the diagnoses of the image.

    The last outputs of the neck have to be the maps that `diagnosis_head` pools
    (`P3FPN(passthrough_levels=...)`).

    The diagnosis is trained on true boxes, without a gradient for the backbone. The prediction is
    that of the best box. Each of n detections becomes K, one per diagnosis, with equal masks; the
    score is that of the box times the probability of the diagnosis.

    Args:
        diagnosis_head: config of a `DiagnosisHead`.
        **kwargs: of `mmdet.models.roi_heads.StandardRoIHead`; box and mask head have one class.

    Raises:
        ValueError: the mask head is not class-agnostic, or the box head has several classes.
    """

    def __init__(self, diagnosis_head: dict[str, Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if self.bbox_head.num_classes != 1 or not self.mask_head.class_agnostic:
            raise ValueError(
                'with a diagnosis_head, set num_classes=1 in bbox_head and class_agnostic=True in '
                'mask_head'
            )
        self.diagnosis_head = MODELS.build(diagnosis_head)

    def loss(
        self,
        x: tuple[Tensor, ...],
        rpn_results_list: list[InstanceData],
        batch_data_samples: list[DetDataSample],
    ) -> dict[str, Tensor]:
        """Return the losses of mmdet's head for the class lesion, and `loss_diagnosis`."""
        truths = [sample.gt_instances for sample in batch_data_samples]
        metas = [sample.metainfo for sample in batch_data_samples]
        lesions = bbox2roi([get_box_tensor(truth.bboxes) for truth in truths])
        logits = self._diagnose(x, lesions, metas)
        labels = torch.cat([truth.labels for truth in truths])
        losses = super().loss(x, rpn_results_list, [_as_one_class(s) for s in batch_data_samples])
        return losses | {'loss_diagnosis': self.diagnosis_head.criterion(logits, labels)}

    def predict_bbox(
        self,
        x: tuple[Tensor, ...],
        batch_img_metas: list[dict[str, Any]],
        rpn_results_list: list[InstanceData],
        rcnn_test_cfg: Any,
        rescale: bool = False,
    ) -> list[InstanceData]:
        """Return n * K detections per image, the highest score first; see the class."""
        results = super().predict_bbox(x, batch_img_metas, rpn_results_list, rcnn_test_cfg, rescale)
        lesions = bbox2roi([found.bboxes[:1] for found in results])
        probabilities = self._diagnose(x, lesions, batch_img_metas).softmax(1)
        parts = probabilities.split([min(len(found), 1) for found in results])
        return [with_diagnoses(*pair) for pair in zip(results, parts, strict=True)]

    def _diagnose(
        self, x: tuple[Tensor, ...], lesions: Tensor, metas: Sequence[dict[str, Any]]
    ) -> Tensor:
        shapes = lesions.new_tensor([meta['img_shape'][:2] for meta in metas])
        heights, widths = shapes[lesions[:, 0].long()].unbind(1)
        corner = torch.zeros_like(heights)
        images = torch.stack([lesions[:, 0], corner, corner, widths, heights], 1)
        head = self.diagnosis_head
        maps = [each.detach() for each in x[-len(head.pools) :]]
        return head(head.pooled(maps, lesions, images))


def _as_one_class(sample: DetDataSample) -> DetDataSample:
    """Return a copy of the sample with every lesion of class 0."""
    lesion = sample.new()
    lesion.gt_instances = sample.gt_instances[:]
    lesion.gt_instances.labels = torch.zeros_like(sample.gt_instances.labels)
    return lesion


def with_diagnoses(found: InstanceData, probabilities: Tensor) -> InstanceData:
    """Return each of n detections once per diagnosis, the highest score first.

    Args:
        found: n detections of the class lesion.
        probabilities: (1, K), or (0, K) if n is 0.
    """
    diagnoses = probabilities.shape[1]
    scores = (found.scores[:, None] * probabilities).flatten()
    best_first = scores.argsort(descending=True, stable=True)
    lesion = best_first // diagnoses
    return InstanceData(
        bboxes=found.bboxes[lesion], scores=scores[best_first], labels=best_first % diagnoses
    )
