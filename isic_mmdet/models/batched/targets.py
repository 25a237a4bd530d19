"""Assignment and sampling of boxes for all images of a batch at once.

mmdet does both image by image, in about a hundred small operations each. On a GPU each of them has
a launch time, which is most of the step for a batch of 16. Here `MaxIoUAssigner` and
`RandomSampler` run on padded tensors. The number of operations does not grow with the batch, all
shapes are fixed, and no operation waits for the GPU.

N images, B boxes (anchors or proposals) and G lesions in an image, padded; boxes are
(x1, y1, x2, y2) in pixels.
"""

from typing import Any

import torch
from mmdet.models.task_modules.assigners import MaxIoUAssigner
from mmdet.models.task_modules.samplers import RandomSampler
from torch import Tensor

from isic_mmdet.models.batched.boxes import overlaps

IGNORED, BACKGROUND = -1, 0


def check_rules(assigner: Any, sampler: Any) -> None:
    """Raise ValueError for settings of assigner or sampler that `assign` and `draw` lack."""
    known = (
        type(assigner) is MaxIoUAssigner
        and type(sampler) is RandomSampler
        and isinstance(assigner.neg_iou_thr, float)
        and assigner.gt_max_assign_all
        and assigner.ignore_iof_thr <= 0
        and assigner.perm_repeat_gt_cfg is None
        and sampler.neg_pos_ub < 0
    )
    if not known:
        raise ValueError(
            'batched heads support MaxIoUAssigner (ignore_iof_thr=-1, one neg_iou_thr) and '
            f'RandomSampler (neg_pos_ub=-1), not {assigner} with {sampler}; use Float32RPNHead '
            'and StandardRoIHead'
        )


def assign(
    assigner: MaxIoUAssigner, boxes: Tensor, usable: Tensor, lesions: Tensor, real: Tensor
) -> Tensor:
    """Return (N, B) int64: `IGNORED`, `BACKGROUND`, or one plus the index of a lesion.

    Args:
        assigner: its thresholds are used.
        boxes: (N, B, 4).
        usable: (N, B) bool; the others are ignored.
        lesions: (N, G, 4).
        real: (N, G) bool.
    """
    pairs = real[:, :, None] & usable[:, None]
    shares = overlaps(lesions, boxes).masked_fill(~pairs, -1)
    best, nearest = shares.max(1)
    assigned = torch.full_like(nearest, IGNORED)
    assigned = assigned.masked_fill(best < assigner.neg_iou_thr, BACKGROUND)
    assigned = torch.where(best >= assigner.pos_iou_thr, nearest + 1, assigned)
    if assigner.match_low_quality:
        most = shares.amax(2, keepdim=True)
        nearest_boxes = (shares == most) & (most >= assigner.min_pos_iou) & pairs
        # Of several lesions, the last takes the box.
        last = (nearest_boxes * numbers(real)[:, None]).amax(1)
        assigned = torch.where(last > 0, last, assigned)
    return assigned.masked_fill(~usable, IGNORED)


def numbers(real: Tensor) -> Tensor:
    """Return the numbers of the lesions of an image, (G,) int64 from 1 up."""
    return torch.arange(1, real.shape[1] + 1, device=real.device)


def draw(sampler: RandomSampler, assigned: Tensor) -> tuple[Tensor, Tensor]:
    """Draw boxes at random: positives up to their share, then background.

    Args:
        sampler: its number and share of positives are used.
        assigned: (N, B), of `assign`.

    Returns:
        Indices of boxes, (N, S) int64, positives first, and (N, S) bool, whether each was drawn;
        S is at most the number to draw. Every positive one that was drawn is among the first
        `most_positives(sampler)`.
    """
    noise = torch.rand(assigned.shape, device=assigned.device)
    positives, are_positive = _lowest(noise, assigned > BACKGROUND, most_positives(sampler))
    negatives, are_negative = _lowest(noise, assigned == BACKGROUND, sampler.num)
    left = sampler.num - are_positive.sum(1, keepdim=True)
    are_negative &= torch.arange(negatives.shape[1], device=noise.device) < left
    index = torch.cat([positives, negatives], 1)
    drawn = torch.cat([are_positive, are_negative], 1)
    # At most `num` are drawn; they go to the front.
    order = drawn.int().argsort(dim=1, descending=True, stable=True)[:, : sampler.num]
    return index.gather(1, order), drawn.gather(1, order)


def most_positives(sampler: RandomSampler) -> int:
    """Return how many positive boxes of an image are drawn at most."""
    return int(sampler.num * sampler.pos_fraction)


def _lowest(noise: Tensor, among: Tensor, number: int) -> tuple[Tensor, Tensor]:
    """Return the indices of the `number` lowest values, and which of them are `among`."""
    values, index = noise.masked_fill(~among, 2).topk(min(number, noise.shape[1]), largest=False)
    return index, values < 2


def pick(values: Tensor, index: Tensor) -> Tensor:
    """Return (N, S, ...) of the values (N, B, ...) at (N, S) indices."""
    rows = torch.arange(len(index), device=index.device)[:, None]
    return values[rows, index]
