"""Test-time augmentation with masks: predictions of several views of an image, merged."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from mmdet.registry import MODELS
from mmdet.structures import DetDataSample
from mmengine.model import BaseTTAModel
from mmengine.structures import InstanceData
from numpy.typing import NDArray
from torch import Tensor

from isic_mmdet.masks.paste import BoxCells, mask_confidence, paste_mask
from isic_mmdet.models.box_masks import return_box_masks

#: Axes of an (H, W) map that undo a flip of this name; None is no flip.
FLIP_AXES: dict[str | None, tuple[int, ...]] = {
    None: (),
    'horizontal': (1,),
    'vertical': (0,),
    'diagonal': (0, 1),
}


@dataclass(frozen=True, eq=False)
class ViewPrediction:
    """The best detection in one view of an image.

    Attributes:
        view: its cells and box, in pixels of the image.
        scores: class index to the highest score, in [0, 1], of its detections in the view.
    """

    view: BoxCells
    scores: Mapping[int, float]


class MergedPrediction(NamedTuple):
    """Scores and box of a lesion, merged from all views of its image.

    Attributes:
        scores: class index to score in [0, 1], the highest first.
        box: x1, y1, x2, y2 in pixels of the image.
    """

    scores: dict[int, float]
    box: tuple[float, float, float, float]

    @property
    def label(self) -> int:
        """Index of the class with the highest score."""
        return next(iter(self.scores))

    @property
    def score(self) -> float:
        """The highest score."""
        return self.scores[self.label]


def best_detection(sample: DetDataSample) -> ViewPrediction | None:
    """Return the detection with the highest score, None where there is none.

    Args:
        sample: of a model after `isic_mmdet.models.box_masks.return_box_masks`; its metainfo says
            whether the image was flipped.
    """
    instances = sample.pred_instances
    if len(instances) == 0:
        return None
    best = int(instances.scores.argmax())
    direction = sample.flip_direction if sample.metainfo.get('flip') else None
    mask, box = instances.masks[best].cpu(), instances.bboxes[best].tolist()
    if mask.dtype == torch.bool:  # of the complete image
        mask, box = _cropped(mask)
    cells = mask.float().numpy()
    height, width = sample.ori_shape[:2]
    view = unflip(cells, box, (height, width), direction)
    scores: dict[int, float] = {}
    for label, score in zip(instances.labels.tolist(), instances.scores.tolist(), strict=True):
        scores[label] = max(score, scores.get(label, 0.0))
    return ViewPrediction(view, scores)


def _cropped(mask: Tensor) -> tuple[Tensor, list[int]]:
    """Return the part of a mask inside its bounding box, and the box; an empty mask has none."""
    rows, columns = mask.any(1).nonzero()[:, 0].tolist(), mask.any(0).nonzero()[:, 0].tolist()
    if not rows:
        return mask[:1, :1], [0, 0, 0, 0]
    top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    return mask[top:bottom, left:right], [left, top, right, bottom]


def unflip(
    cells: NDArray[np.floating],
    box: Sequence[float],
    shape: tuple[int, int],
    direction: str | None,
) -> BoxCells:
    """Return cells and box of a flipped image in coordinates of the image itself.

    Args:
        cells: (h, w) float.
        box: x1, y1, x2, y2 in the flipped image.
        shape: height and width of the image, in the same unit.
        direction: of the flip, a key of `FLIP_AXES`.
    """
    x1, y1, x2, y2 = box
    height, width = shape
    axes = FLIP_AXES[direction]
    if 1 in axes:
        x1, x2 = width - x2, width - x1
    if 0 in axes:
        y1, y2 = height - y2, height - y1
    return BoxCells(np.flip(cells, axes), (x1, y1, x2, y2))


def merge_views(predictions: Sequence[ViewPrediction], number: int) -> MergedPrediction | None:
    """Merge the predictions of the views of an image; None if there is no prediction.

    The score of a class is its mean over all views, 0 for those without it. The box is the mean
    of the boxes.

    Args:
        predictions: at most one for each view.
        number: of views.
    """
    if not predictions:
        return None
    totals: dict[int, float] = {}
    for prediction in predictions:
        for label, score in prediction.scores.items():
            totals[label] = totals.get(label, 0.0) + score
    best_first = sorted(totals, key=lambda label: -totals[label])
    x1, y1, x2, y2 = np.mean([each.view.box for each in predictions], axis=0).tolist()
    return MergedPrediction(
        {label: totals[label] / number for label in best_first}, (x1, y1, x2, y2)
    )


@MODELS.register_module()
class LesionTTAModel(BaseTTAModel):
    """Averages the lesion's mask probability over augmented views, then thresholds it.

    mmdet's `DetTTAModel` supports no masks. Here every view gives its best detection, and a view
    without detections counts as probability 0. Views may differ in size and flip.

    - masks: where the mean probability of all views, each interpolated from its cells to the size
      of the image, is above `mask_threshold`; (K, H, W) bool on the CPU, equal for all K classes.
      Masks of the complete image are already binary and count as probabilities of 0 and 1;
    - mask_confidences: the mean over all views, (K,);
    - scores, labels, bboxes: see `merge_views`.

    Args:
        module: config of the detector, see `isic_mmdet.models.box_masks.return_box_masks`.
        mask_threshold: probability above which a pixel belongs to the lesion, in (0, 1).
    """

    def __init__(self, mask_threshold: float = 0.5, **kwargs) -> None:
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
