"""Assignment and sampling of boxes for all images of a batch at once.

mmdet does both image by image, in about a hundred small operations each. On a GPU each of them has
a launch time, which is most of the step for a batch of 16. Here `MaxIoUAssigner` and
`RandomSampler` run on padded tensors, and the number of operations does not grow with the batch.

N images, B boxes (anchors or proposals) and G lesions in an image, padded; boxes are
(x1, y1, x2, y2) in pixels.
"""

from collections.abc import Sequence
from typing import Any

import torch
from mmdet.models.task_modules.assigners import MaxIoUAssigner
from mmdet.models.task_modules.samplers import RandomSampler
from mmdet.structures.bbox import bbox_overlaps
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

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


def pad(boxes: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Return (N, G, 4) boxes, padded with zeros, and (N, G) bool, which of them are real.

    Args:
        boxes: (g, 4) for each of N images.
    """
    padded = pad_sequence(list(boxes), batch_first=True)
    counts = torch.tensor([len(each) for each in boxes], device=padded.device)
    return padded, torch.arange(padded.shape[1], device=padded.device) < counts[:, None]


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
    if not lesions.shape[1]:
        return torch.where(usable, BACKGROUND, IGNORED)
    pairs = real[:, :, None] & usable[:, None]
    overlaps = bbox_overlaps(lesions, boxes).masked_fill(~pairs, -1)
    best, nearest = overlaps.max(1)
    assigned = torch.where(best < assigner.neg_iou_thr, BACKGROUND, IGNORED)
    assigned = torch.where(best >= assigner.pos_iou_thr, nearest + 1, assigned)
    if assigner.match_low_quality:
        most = overlaps.amax(2, keepdim=True)
        nearest_boxes = (overlaps == most) & (most >= assigner.min_pos_iou) & pairs
        for lesion, chosen in enumerate(nearest_boxes.unbind(1), 1):
            assigned = torch.where(chosen, lesion, assigned)
    return torch.where(usable, assigned, IGNORED)


def draw(sampler: RandomSampler, assigned: Tensor) -> tuple[Tensor, Tensor]:
    """Draw boxes at random: positives up to their share, then background.

    Args:
        sampler: its number and share of positives are used.
        assigned: (N, B), of `assign`.

    Returns:
        Indices of boxes, (N, S) int64, positives first, and (N, S) bool, whether each was drawn;
        S is at most the number to draw.
    """
    noise = torch.rand(assigned.shape, device=assigned.device)
    most_positives = int(sampler.num * sampler.pos_fraction)
    positives, are_positive = _lowest(noise, assigned > BACKGROUND, most_positives)
    negatives, are_negative = _lowest(noise, assigned == BACKGROUND, sampler.num)
    left = sampler.num - are_positive.sum(1, keepdim=True)
    are_negative &= torch.arange(negatives.shape[1], device=noise.device) < left
    index = torch.cat([positives, negatives], 1)
    drawn = torch.cat([are_positive, are_negative], 1)
    # At most `num` are drawn; they go to the front.
    order = drawn.int().argsort(dim=1, descending=True, stable=True)[:, : sampler.num]
    return index.gather(1, order), drawn.gather(1, order)


def _lowest(noise: Tensor, among: Tensor, number: int) -> tuple[Tensor, Tensor]:
    """Return the indices of the `number` lowest values, and which of them are `among`."""
    values, index = noise.masked_fill(~among, 2).topk(min(number, noise.shape[1]), largest=False)
    return index, values < 2


def pick(values: Tensor, index: Tensor) -> Tensor:
    """Return (N, S, ...) of the values (N, B, ...) at (N, S) indices."""
    rows = torch.arange(len(index), device=index.device)[:, None]
    return values[rows, index]
