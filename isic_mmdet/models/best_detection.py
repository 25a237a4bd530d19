"""The lesion that a detector found, taken out of mmdet's containers."""

import numpy as np
from mmdet.structures import DetDataSample

from isic_mmdet.models.tta import Finding, unflipped


def best_finding(sample: DetDataSample) -> Finding | None:
    """Return the detection with the highest score, None where there is none.

    Args:
        sample: predicted by a model that leaves its masks unpasted (see
            `isic_mmdet.models.box_masks`); its meta data tell whether the image was flipped.

    Returns:
        The finding in pixels of the unflipped image of the sample's `ori_shape`.
    """
    instances = sample.pred_instances
    if len(instances) == 0:
        return None
    best = int(instances.scores.argmax())
    direction = sample.flip_direction if sample.metainfo.get('flip') else None
    cells = instances.masks[best].float().cpu().numpy().astype(np.float32, copy=False)
    height, width = sample.ori_shape[:2]
    view = unflipped(cells, instances.bboxes[best].tolist(), (height, width), direction)
    scores: dict[int, float] = {}
    for label, score in zip(instances.labels.tolist(), instances.scores.tolist(), strict=True):
        scores[label] = max(score, scores.get(label, 0.0))
    return Finding(view, scores)
