"""Custom operators of the exported graph.

Each has an implementation in PyTorch, for tracing, and one in ONNX. The sizes of their outputs do
not depend on the values of their inputs, so all sizes in the graph are fixed.

N images, S boxes per image, R regions, C channels, P x P output bins.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torchvision
from onnxscript import opset18
from torch import Tensor

# Any, because its annotations do not accept the output of one operator as input of the next.
op: Any = opset18
#: Boxes with scores below this are no candidates.
NO_CANDIDATE = -0.5


@torch.library.custom_op('isic_mmdet::first_boxes', mutates_args=())
def first_boxes(boxes: Tensor, scores: Tensor, limit: int, iou_threshold: float) -> Tensor:
    """Return the boxes that non-maximum suppression keeps, the highest score first.

    Args:
        boxes: (N, S, 4) float32 as (x1, y1, x2, y2).
        scores: (N, S) float32; boxes below `NO_CANDIDATE` are skipped.
        limit: largest number of boxes per image.
        iou_threshold: a box is dropped if its IoU with a better box is above this.

    Returns:
        (N, limit) int64 indices of boxes, filled up with -1.
    """
    kept = boxes.new_full((len(boxes), limit), -1, dtype=torch.int64)
    for row, image_boxes, image_scores in zip(kept, boxes, scores, strict=True):
        (candidates,) = torch.nonzero(image_scores > NO_CANDIDATE, as_tuple=True)
        best = torchvision.ops.nms(image_boxes[candidates], image_scores[candidates], iou_threshold)
        first = candidates[best[:limit]]
        row[: len(first)] = first
    return kept


@first_boxes.register_fake
def _(boxes: Tensor, scores: Tensor, limit: int, iou_threshold: float) -> Tensor:
    return boxes.new_empty((boxes.shape[0], limit), dtype=torch.int64)


def first_boxes_in_onnx(boxes: Any, scores: Any, limit: int, iou_threshold: float) -> Any:
    """Return the nodes of `first_boxes`.

    NonMaxSuppression returns one list of (image, class, box) for all images. The boxes are
    scattered into a row per image.
    """
    listed = op.NonMaxSuppression(
        boxes,
        op.Unsqueeze(scores, [1]),
        op.Constant(value_ints=[limit]),
        op.Constant(value_floats=[iou_threshold]),
        op.Constant(value_floats=[NO_CANDIDATE]),
    )
    image = op.Gather(listed, op.Constant(value_int=0), axis=1)
    box = op.Gather(listed, op.Constant(value_int=2), axis=1)
    zero, one = op.Constant(value_int=0), op.Constant(value_int=1)
    images = op.Shape(boxes, start=0, end=1)
    is_of = op.Equal(
        op.Unsqueeze(image, [0]),
        op.Unsqueeze(op.Range(zero, op.Squeeze(images, [0]), one), [1]),
    )
    counts = op.ReduceSum(op.Cast(is_of, to=7), op.Constant(value_ints=[1]), keepdims=0)
    starts = op.CumSum(counts, zero, exclusive=1)
    listing = op.Range(zero, op.Squeeze(op.Shape(image), [0]), one)
    place = op.Sub(listing, op.Gather(starts, image))
    empty = op.Expand(
        op.Constant(value_int=-1), op.Concat(images, op.Constant(value_ints=[limit]), axis=0)
    )
    where = op.Concat(op.Unsqueeze(image, [1]), op.Unsqueeze(place, [1]), axis=1)
    return op.ScatterND(empty, where, box)


@torch.library.custom_op('isic_mmdet::pyramid_roi_align', mutates_args=())
def pyramid_roi_align(
    levels: Sequence[Tensor],
    rois: Tensor,
    level_of: Tensor,
    scales: Sequence[float],
    size: int,
    sampling_ratio: int,
    aligned: bool,
) -> Tensor:
    """Pool every region from its level of the feature pyramid.

    Args:
        levels: feature maps, (N, C, H, W) each.
        rois: (R, 5) float32 as (image index, x1, y1, x2, y2) in pixels of the image.
        level_of: (R,) int64, index of the level for each region.
        scales: size of each level relative to the image.
        size: P.
        sampling_ratio: see `torchvision.ops.roi_align`.
        aligned: likewise.

    Returns:
        (R, C, P, P) float32.
    """
    pooled = levels[0].new_zeros((len(rois), levels[0].shape[1], size, size))
    for index, (level, scale) in enumerate(zip(levels, scales, strict=True)):
        (chosen,) = torch.nonzero(level_of == index, as_tuple=True)
        pooled[chosen] = torchvision.ops.roi_align(
            level, rois[chosen], size, scale, sampling_ratio, aligned
        )
    return pooled


@pyramid_roi_align.register_fake
def _(
    levels: Sequence[Tensor],
    rois: Tensor,
    level_of: Tensor,
    scales: Sequence[float],
    size: int,
    sampling_ratio: int,
    aligned: bool,
) -> Tensor:
    return levels[0].new_empty((rois.shape[0], levels[0].shape[1], size, size))


def pyramid_roi_align_in_onnx(
    levels: Sequence[Any],
    rois: Any,
    level_of: Any,
    scales: Sequence[float],
    size: int,
    sampling_ratio: int,
    aligned: bool,
) -> Any:
    """Return the nodes of `pyramid_roi_align`.

    RoiAlign takes one level, so the regions are grouped by level, and the results are put back
    into the order of the regions.
    """
    chosen, pooled = [], []
    for index, (level, scale) in enumerate(zip(levels, scales, strict=True)):
        is_here = op.Equal(level_of, op.Constant(value_int=index))
        here = op.Reshape(op.NonZero(is_here), op.Constant(value_ints=[-1]))
        mine = op.Gather(rois, here)
        image = op.Cast(op.Gather(mine, op.Constant(value_int=0), axis=1), to=7)
        pooled.append(
            op.RoiAlign(
                level,
                op.Gather(mine, op.Constant(value_ints=[1, 2, 3, 4]), axis=1),
                image,
                coordinate_transformation_mode='half_pixel' if aligned else 'output_half_pixel',
                output_height=size,
                output_width=size,
                sampling_ratio=sampling_ratio,
                spatial_scale=scale,
            )
        )
        chosen.append(here)
    order = op.Concat(*chosen, axis=0)
    places = op.Range(
        op.Constant(value_int=0), op.Squeeze(op.Shape(order), [0]), op.Constant(value_int=1)
    )
    return op.Gather(op.Concat(*pooled, axis=0), op.ScatterElements(order, order, places))


#: The ONNX implementation of each operator, for `torch.onnx.export`.
TRANSLATIONS: dict[Callable[..., Any], Callable[..., Any]] = {
    torch.ops.isic_mmdet.first_boxes.default: first_boxes_in_onnx,
    torch.ops.isic_mmdet.pyramid_roi_align.default: pyramid_roi_align_in_onnx,
}
