"""Non-maximum suppression of many sets of boxes at once.

torchvision's kernel takes one set, and the number of boxes it returns has to be known before the
next operation starts: a GPU waits. Here two small operations decide a box of every set. A set of
proposals has at most 200 boxes.
"""

import torch
from torch import Tensor

from isic_mmdet.models.batched.boxes import overlaps


@torch.library.custom_op('isic_mmdet::kept_boxes', mutates_args=())
def kept_boxes(boxes: Tensor, real: Tensor, threshold: float) -> Tensor:
    """Return which boxes of each set are kept, (S, B) bool.

    A box is suppressed by a kept box before it whose overlap is above the threshold.

    Args:
        boxes: (S, B, 4) as (x1, y1, x2, y2), by falling score.
        real: (S, B) bool; the others are neither kept nor suppress any box.
        threshold: Jaccard index, compared in single precision as in `isic_mmdet.compat.mmcv_ops`.
    """
    return suppressed_in_turn(boxes, real, threshold)


# A compiler takes minutes to merge hundreds of operations of the loop below, so it gets one.
@kept_boxes.register_fake
def _(boxes: Tensor, real: Tensor, threshold: float) -> Tensor:
    return torch.empty_like(real)


def suppressed_in_turn(boxes: Tensor, real: Tensor, threshold: float) -> Tensor:
    """Do the work of `kept_boxes`, with operations that a `TorchDispatchMode` sees."""
    suppresses = (overlaps(boxes, boxes) > threshold).triu(1)
    gone = ~real
    for box, others in enumerate(suppresses.unbind(1)):
        # Of two booleans, "greater" is "and not".
        gone = gone | torch.gt(others, gone[:, box : box + 1])
    return ~gone
