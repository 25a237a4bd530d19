"""Non-maximum suppression with the signatures and the rules of mmcv's operators.

N boxes, (N, 4) or (N, 5) as (x1, y1, x2, y2[, score]) in pixels. mmcv compares overlaps in
single precision, and so do these functions: a threshold of 0.6 is rounded like the overlap is,
and integer boxes that overlap by exactly three fifths are judged as there.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from isic_mmdet.compat.torchvision_kernels import kernels

_NAIVE, _LINEAR, _GAUSSIAN = 0, 1, 2


def nms(boxes: Tensor, scores: Tensor, iou_threshold: float, offset: int) -> Tensor:
    """Return the kept boxes' indices, highest score first.

    Args:
        boxes: (N, 4) float.
        scores: (N,) float.
        iou_threshold: a box goes when it overlaps a better one by more than this.
        offset: 0, or 1 where a box from 3 to 5 counts as three pixels wide.

    Returns:
        (K,) int64, ties in the order of the input.
    """
    if boxes.dtype != torch.float64:  # torchvision knows no half precision on the CPU
        boxes, scores = boxes.float(), scores.float()
    if offset:
        boxes = boxes + boxes.new_tensor([0, 0, offset, offset])
    return kernels.nms(boxes, scores.to(boxes.dtype), float(np.float32(iou_threshold)))


def softnms(
    boxes: Tensor,
    scores: Tensor,
    dets: Tensor,
    iou_threshold: float,
    sigma: float,
    min_score: float,
    method: int,
    offset: int,
) -> Tensor:
    """Soft-NMS (Bodla et al., arXiv 1704.04503): lower the scores of overlapping boxes.

    The boxes are moved about as in mmcv (the best one is swapped to the front, a discarded one
    replaced by the last), because that decides between equal scores.

    Args:
        boxes: (N, 4) float, on the CPU.
        scores: (N,) float, on the CPU.
        dets: (N, 5); its first K rows receive the kept boxes with their new scores.
        iou_threshold: overlap from which a score is lowered (naive: zeroed; linear: multiplied
            by one minus the overlap). The Gaussian method has no threshold.
        sigma: width of the Gaussian.
        min_score: a box whose lowered score is below this is discarded.
        method: 0 naive, 1 linear, 2 Gaussian.
        offset: as in `nms`.

    Returns:
        (K,) int64 indices of the kept boxes, in the order in which they were taken.
    """
    rows = torch.cat([boxes, scores[:, None].to(boxes.dtype)], dim=1).float().numpy()
    order = np.arange(len(rows))
    taken = 0
    while taken < len(rows):
        best = taken + int(rows[taken:, 4].argmax())
        rows[[taken, best]] = rows[[best, taken]]
        order[[taken, best]] = order[[best, taken]]
        rest = rows[taken + 1 :]
        overlap = _overlap(rows[taken], rest, offset)
        if method == _GAUSSIAN:
            weight = np.exp(-(overlap**2) / np.float32(sigma))
        else:
            lowered = 1 - overlap if method == _LINEAR else np.float32(0)
            weight = np.where(overlap >= np.float32(iou_threshold), lowered, np.float32(1))
        rest[:, 4] *= weight
        stay = _after_discarding(~(rest[:, 4] < np.float32(min_score)))
        taken += 1
        rows = np.concatenate([rows[:taken], rest[stay]])
        order = np.concatenate([order[:taken], order[taken:][stay]])
    dets[: len(rows)] = torch.from_numpy(rows)
    return torch.from_numpy(order)


def nms_match(dets: Tensor, iou_threshold: float) -> list[list[int]]:
    """Group boxes: each kept one, then those it suppresses, by falling score.

    Args:
        dets: (N, 5) float, on the CPU.
        iou_threshold: a box joins a better one's group when they overlap by this or more.
    """
    rows = dets.float().numpy()
    order = np.argsort(-rows[:, 4], kind='stable')
    groups = []
    while len(order):
        best, rest = order[0], order[1:]
        joins = _overlap(rows[best], rows[rest], offset=0) >= np.float32(iou_threshold)
        groups.append([int(best), *rest[joins].tolist()])
        order = rest[~joins]
    return groups


def _overlap(
    box: NDArray[np.float32], others: NDArray[np.float32], offset: int
) -> NDArray[np.float32]:
    """Return the Jaccard index of one box with each of `others`: (N,), 0 for two empty ones."""
    low = np.maximum(box[:2], others[:, :2])
    high = np.minimum(box[2:4], others[:, 2:4])
    shared = (high - low + offset).clip(min=0).prod(axis=1)
    area = (box[2:4] - box[:2] + offset).prod()
    union = area + (others[:, 2:4] - others[:, :2] + offset).prod(axis=1) - shared
    # mmcv divides 0 by 0 there, and the Gaussian method then hands out scores that are no number.
    return np.divide(shared, union, out=np.zeros_like(shared), where=union != 0)


def _after_discarding(keep: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Return which rows stay, where each gap is filled from the end of the list.

    `keep` [T, F, T, F, T] gives [0, 4, 2]: row 4 moves into the gap at 1.
    """
    count = int(keep.sum())
    positions = np.arange(count)
    gaps = ~keep[:count]
    positions[gaps] = count + np.flatnonzero(keep[count:])[::-1]
    return positions
