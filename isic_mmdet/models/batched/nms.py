"""Non-maximum suppression of many sets of boxes at once.

torchvision's kernel takes one set, and its last part goes through the boxes one after another. A
set of proposals has 200 boxes at most, and some rounds over all sets together decide them.
"""

import numpy as np
import torch
from mmdet.structures.bbox import bbox_overlaps
from torch import Tensor

# Rounds between two looks at whether all is decided, for each look waits for the GPU.
_ROUNDS = 8


def kept_boxes(boxes: Tensor, real: Tensor, threshold: float) -> Tensor:
    """Return which boxes of each set stay, (S, B) bool.

    A box goes when it overlaps one that stays, and is before it, by more than the threshold. Every
    round decides at least one more box of each set for good, so the rounds end, and with what
    going through them one after another would give.

    Args:
        boxes: (S, B, 4) as (x1, y1, x2, y2), in the order of falling scores.
        real: (S, B) bool; the others neither stay nor make others go.
        threshold: Jaccard index, compared in single precision as by
            `isic_mmdet.compat.nms`.
    """
    overlaps = bbox_overlaps(boxes, boxes)
    suppresses = (overlaps > float(np.float32(threshold))).triu(1)
    stays = real
    while True:
        for _ in range(_ROUNDS):
            before = stays
            stays = real & ~(suppresses & stays[:, :, None]).any(1)
        if torch.equal(before, stays):
            return stays
