"""Non-maximum suppression of many sets of boxes at once.

torchvision's kernel takes one set and goes through its boxes one after another. A set of proposals
has at most 200 boxes, so a few rounds over all sets together are enough.
"""

import numpy as np
import torch
from mmdet.structures.bbox import bbox_overlaps
from torch import Tensor

# Rounds between two checks whether all is decided: each check waits for the GPU.
_ROUNDS = 8


def kept_boxes(boxes: Tensor, real: Tensor, threshold: float) -> Tensor:
    """Return which boxes of each set are kept, (S, B) bool.

    A box is suppressed by a kept box before it whose overlap is above the threshold. Every round
    decides at least one more box of each set, so the result is that of sequential suppression.

    Args:
        boxes: (S, B, 4) as (x1, y1, x2, y2), by falling score.
        real: (S, B) bool; the others are neither kept nor suppress any box.
        threshold: Jaccard index, compared in single precision as in `isic_mmdet.compat.mmcv_ops`.
    """
    overlaps = bbox_overlaps(boxes, boxes)
    suppresses = (overlaps > float(np.float32(threshold))).triu(1)
    kept = real
    while True:
        for _ in range(_ROUNDS):
            before = kept
            kept = real & ~(suppresses & kept[:, :, None]).any(1)
        if torch.equal(before, kept):
            return kept
