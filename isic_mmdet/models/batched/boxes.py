"""Overlaps and deltas of boxes as in mmdet, without constants that are copied to the device.

mmdet makes tensors of its constants in each call, and a GPU waits for every such copy. Boxes are
(x1, y1, x2, y2) in pixels, (..., 4).
"""

import math

import torch
from mmdet.models.task_modules.coders import DeltaXYWHBBoxCoder
from torch import Tensor

# Limits of mmdet: the least union, and the ratio by which a side can grow or shrink.
_LEAST_UNION = 1e-6
_MOST_GROWTH = abs(math.log(16 / 1000))


@torch.library.custom_op('isic_mmdet::overlaps', mutates_args=())
def overlaps(boxes: Tensor, others: Tensor) -> Tensor:
    """Return the Jaccard index of each pair, (S, B, C), of (S, B, 4) and (S, C, 4).

    It is one operator, so that a compiler computes it once. Otherwise it computes a value and the
    maximum of all values in two ways that are rounded differently, and no value is the maximum.
    """
    left_top = torch.maximum(boxes[:, :, None, :2], others[:, None, :, :2])
    right_bottom = torch.minimum(boxes[:, :, None, 2:], others[:, None, :, 2:])
    shared = _product((right_bottom - left_top).clamp(min=0))
    areas = _product(boxes[..., 2:] - boxes[..., :2])
    other_areas = _product(others[..., 2:] - others[..., :2])
    union = areas[:, :, None] + other_areas[:, None] - shared
    return shared / union.clamp(min=_LEAST_UNION)


@overlaps.register_fake
def _(boxes: Tensor, others: Tensor) -> Tensor:
    return boxes.new_empty(len(boxes), boxes.shape[1], others.shape[1])


def _product(sides: Tensor) -> Tensor:
    return sides[..., 0] * sides[..., 1]


def encode(coder: DeltaXYWHBBoxCoder, boxes: Tensor, targets: Tensor) -> Tensor:
    """Return the deltas that turn boxes into targets; those of an empty box are not finite."""
    size, center = boxes[..., 2:] - boxes[..., :2], (boxes[..., :2] + boxes[..., 2:]) * 0.5
    goal, aim = targets[..., 2:] - targets[..., :2], (targets[..., :2] + targets[..., 2:]) * 0.5
    deltas = torch.cat([(aim - center) / size, (goal / size).log()], -1).unbind(-1)
    scales = zip(deltas, coder.means, coder.stds, strict=True)
    return torch.stack([(each - mean) / std for each, mean, std in scales], -1)


def decode(coder: DeltaXYWHBBoxCoder, boxes: Tensor, deltas: Tensor) -> Tensor:
    """Return the boxes that the deltas make of boxes, neither clipped nor checked."""
    scales = zip(deltas.unbind(-1), coder.means, coder.stds, strict=True)
    deltas = torch.stack([each * std + mean for each, mean, std in scales], -1)
    size = boxes[..., 2:] - boxes[..., :2]
    center = (boxes[..., :2] + boxes[..., 2:]) * 0.5 + size * deltas[..., :2]
    half = size * deltas[..., 2:].clamp(-_MOST_GROWTH, _MOST_GROWTH).exp() * 0.5
    return torch.cat([center - half, center + half], -1)


def clip(boxes: Tensor, sizes: Tensor) -> Tensor:
    """Return (N, B, 4) boxes inside of N images of (N, 2) widths and heights."""
    return torch.minimum(boxes.clamp(min=0), sizes.repeat(1, 2)[:, None])
