"""Test-time augmentation with masks, for pictures of one lesion."""

import torch
from mmdet.registry import MODELS
from mmdet.structures import DetDataSample
from mmdet.structures.bbox import bbox_flip
from mmengine.model import BaseTTAModel
from mmengine.structures import InstanceData
from torch import Tensor

# Which axes of an (H, W) map undo a flip of this name.
FLIP_AXES = {'horizontal': (-1,), 'vertical': (-2,), 'diagonal': (-2, -1)}


@MODELS.register_module()
class LesionTTAModel(BaseTTAModel):
    """Average the lesion's mask probability over augmented views, then threshold.

    mmdet's own `DetTTAModel` refuses masks. One lesion per image makes it simple: every view
    gives its highest-scoring detection, and views that found none count with probability 0.

    - masks: mean over the V views of the (H, W) probability maps, > `mask_threshold`;
    - levels: that mean as uint8, 255 for certain;
    - scores: mean of the scores;
    - labels: the class with the highest sum of scores;
    - bboxes: mean of the boxes, in pixels of the unflipped image.

    Views may differ in size and flip: masks and boxes come back at the image's own size.

    Args:
        module: config of the detector; it must return mask probabilities, i.e. its
            `test_cfg.rcnn.mask_thr_binary` is below 0, which gives them as uint8 in [0, 255].
        mask_threshold: probability from which a pixel belongs to the lesion, in (0, 1).
    """

    def __init__(self, mask_threshold: float = 0.5, **kwargs) -> None:
        super().__init__(**kwargs)
        self.mask_threshold = mask_threshold

    def merge_preds(self, data_samples_list: list[list[DetDataSample]]) -> list[DetDataSample]:
        """Return one sample per image from the V samples of its views."""
        return [self._merge(views) for views in data_samples_list]

    def _merge(self, views: list[DetDataSample]) -> DetDataSample:
        found = [best for best in map(_best_detection, views) if best is not None]
        merged = views[0].new()
        merged.set_metainfo(views[0].metainfo)
        if not found:
            merged.pred_instances = _empty(views[0].pred_instances)
            return merged
        boxes, scores, labels, maps = zip(*found, strict=True)
        votes: dict[int, float] = {}
        for label, score in zip(labels, scores, strict=True):
            votes[int(label)] = votes.get(int(label), 0.0) + float(score)
        # Whole numbers add up to the same in every order, so symmetry is kept to the pixel.
        total = torch.zeros_like(maps[0], dtype=torch.int32)
        for levels in maps:
            total += levels
        merged.pred_instances = InstanceData(
            bboxes=torch.stack(boxes).mean(0, keepdim=True),
            scores=(torch.stack(scores).sum(0) / len(views))[None],
            labels=labels[0].new_tensor([max(votes, key=lambda label: votes[label])]),
            masks=(total > self.mask_threshold * 255 * len(views))[None],
            levels=(total / len(views)).round().to(torch.uint8)[None],
        )
        return merged


def _best_detection(view: DetDataSample) -> tuple[Tensor, Tensor, Tensor, Tensor] | None:
    """Return box (4,), score (), label () and probabilities (H, W) uint8, unflipped."""
    instances = view.pred_instances
    if len(instances) == 0:
        return None
    best = int(instances.scores.argmax())
    box = instances.bboxes[best]
    levels = instances.masks[best]
    if view.metainfo.get('flip'):
        direction = view.flip_direction
        box = bbox_flip(box[None], view.ori_shape[:2], direction)[0]
        levels = levels.flip(FLIP_AXES[direction])
    return box, instances.scores[best], instances.labels[best], levels


def _empty(instances: InstanceData) -> InstanceData:
    none = instances[:0]
    none.levels = none.masks
    none.masks = none.masks.bool()
    return none
