"""Test-time augmentation with masks: predictions of several views of an image, merged."""

from collections.abc import Sequence
from typing import Any

import torch
from mmdet.registry import MODELS
from mmdet.structures import DetDataSample
from mmengine.model import BaseTTAModel
from mmengine.structures import InstanceData
from torch import Tensor

from isic_mmdet.masks.paste import BoxCells, mask_confidence, paste_mask
from isic_mmdet.masks.views import ViewPrediction, merge_views, unflip
from isic_mmdet.models.box_masks import return_box_masks

#: Score that a further lesion of an image needs.
FURTHER_SCORE = 0.5
# A detection with more of its box than this inside a better one is the same lesion.
_SAME_LESION = 0.5


def best_detection(sample: DetDataSample) -> ViewPrediction | None:
    """Return the detection with the highest score, None where there is none.

    Args:
        sample: of a model after `isic_mmdet.models.box_masks.return_box_masks`; its metainfo says
            whether the image was flipped.
    """
    instances = sample.pred_instances
    if len(instances) == 0:
        return None
    scores: dict[int, float] = {}
    for label, score in zip(instances.labels.tolist(), instances.scores.tolist(), strict=True):
        scores[label] = max(score, scores.get(label, 0.0))
    return ViewPrediction(_view(sample, int(instances.scores.argmax())), scores)


def further_detections(sample: DetDataSample, number: int) -> list[ViewPrediction]:
    """Return at most `number` lesions after the best one, the highest score first.

    The training data have one lesion in each image, so weak detections are no lesions: a further
    lesion needs a score of `FURTHER_SCORE`. `sample` is that of `best_detection`.
    """
    scores, labels = sample.pred_instances.scores.tolist(), sample.pred_instances.labels.tolist()
    best_first = sorted(range(len(scores)), key=lambda index: -scores[index])
    kept: list[tuple[int, BoxCells]] = []
    for index in best_first:
        if len(kept) > number or (kept and scores[index] < FURTHER_SCORE):
            break
        view = _view(sample, index)
        if not any(_share_inside(view.box, other.box) > _SAME_LESION for _, other in kept):
            kept.append((index, view))
    return [ViewPrediction(view, {labels[index]: scores[index]}) for index, view in kept[1:]]


def _share_inside(box: Sequence[float], other: Sequence[float]) -> float:
    """Return how much of the smaller of two boxes (x1, y1, x2, y2) lies inside the other."""
    (left, top, right, bottom), (x1, y1, x2, y2) = box, other
    width, height = min(right, x2) - max(left, x1), min(bottom, y2) - max(top, y1)
    smaller = min((right - left) * (bottom - top), (x2 - x1) * (y2 - y1))
    return max(0.0, width) * max(0.0, height) / smaller if smaller > 0 else 1.0


def _view(sample: DetDataSample, index: int) -> BoxCells:
    """Return cells and box of a detection, in pixels of the image without its flip."""
    instances = sample.pred_instances
    direction = sample.flip_direction if sample.metainfo.get('flip') else None
    mask, box = instances.masks[index].cpu(), instances.bboxes[index].tolist()
    if mask.dtype == torch.bool:  # of the complete image
        mask, box = _cropped(mask)
    return unflip(mask.float().numpy(), box, sample.ori_shape[:2], direction)


def _cropped(mask: Tensor) -> tuple[Tensor, list[int]]:
    """Return the part of a mask inside its bounding box, and the box; an empty mask has none."""
    rows, columns = mask.any(1).nonzero()[:, 0].tolist(), mask.any(0).nonzero()[:, 0].tolist()
    if not rows:
        return mask[:1, :1], [0, 0, 0, 0]
    top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    return mask[top:bottom, left:right], [left, top, right, bottom]


@MODELS.register_module()
class LesionTTAModel(BaseTTAModel):
    """Averages the lesion's mask probability over augmented views, then thresholds it.

    mmdet's `DetTTAModel` supports no masks. Here every view gives its best detection, and a view
    without detections counts as probability 0. Views may differ in size and flip.

    - masks: where the mean probability of all views, each interpolated from its cells to the size
      of the image, is above `mask_threshold`; (K, H, W) bool on the CPU, equal for all K classes.
      Masks of the complete image are already binary and count as probabilities of 0 and 1;
    - mask_confidences: the mean over all views, (K,);
    - scores, labels, bboxes: see `isic_mmdet.masks.views.merge_views`.

    Args:
        module: config of the detector, see `isic_mmdet.models.box_masks.return_box_masks`.
        mask_threshold: probability above which a pixel belongs to the lesion, in (0, 1).
    """

    def __init__(self, mask_threshold: float = 0.5, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.mask_threshold = mask_threshold
        return_box_masks(self.module)

    def merge_preds(self, data_samples_list: list[list[DetDataSample]]) -> list[DetDataSample]:
        """Return one sample for each image from the samples of its views."""
        return [self._merge(views) for views in data_samples_list]

    def _merge(self, views: list[DetDataSample]) -> DetDataSample:
        sample = views[0].new()
        sample.set_metainfo(views[0].metainfo)
        shape = sample.ori_shape[:2]
        predictions = [found for found in map(best_detection, views) if found is not None]
        merged = merge_views(predictions, len(views))
        if merged is None:
            sample.pred_instances = views[0].pred_instances[:0]
            sample.pred_instances.masks = torch.zeros((0, *shape), dtype=torch.bool)
            return sample
        cells = [prediction.view for prediction in predictions]
        mask = torch.from_numpy(paste_mask(cells, len(views), shape, self.mask_threshold))
        confidence = mask_confidence(cells, len(views), self.mask_threshold)
        classes = len(merged.scores)
        sample.pred_instances = InstanceData(
            bboxes=torch.tensor([merged.box] * classes),
            scores=torch.tensor(list(merged.scores.values())),
            labels=torch.tensor(list(merged.scores)),
            masks=mask[None].expand(classes, -1, -1),
            mask_confidences=torch.full((classes,), confidence),
        )
        return sample
