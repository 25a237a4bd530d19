"""Non-maximum suppression with the signature and the rules of mmcv's operator (see `mmcv_ops`)."""

import numpy as np
import torch
import torchvision
from torch import Tensor


def nms(boxes: Tensor, scores: Tensor, iou_threshold: float, offset: int) -> Tensor:
    """Return the indices of the kept boxes, highest score first.

    mmcv compares overlaps in single precision. Therefore the threshold is rounded to single
    precision too: integer boxes that overlap by exactly 3/5 are kept at a threshold of 0.6.

    Args:
        boxes: (N, 4) float, (x1, y1, x2, y2) in pixels.
        scores: (N,) float.
        iou_threshold: a box is removed if it overlaps a better one by more than this.
        offset: 0, or 1 if a box from 3 to 5 counts as three pixels wide.

    Returns:
        (K,) int64; equal scores keep the order of the input.
    """
    if boxes.dtype != torch.float64:  # torchvision has no half precision on the CPU
        boxes, scores = boxes.float(), scores.float()
    if offset:
        boxes = boxes + boxes.new_tensor([0, 0, offset, offset])
    threshold = float(np.float32(iou_threshold))
    return torchvision.ops.nms(boxes, scores.to(boxes.dtype), threshold)
