"""RoIAlign in average mode, with the signatures of mmcv's operators.

N images, C channels, R regions (image index, x1, y1, x2, y2), P x Q output bins. torchvision's
kernels know no bfloat16, and float16 not everywhere, so half precision is computed in float32
and cast back.
"""

import torch
from torch import Tensor

from isic_mmdet.compat.missing import MissingOperatorError
from isic_mmdet.compat.torchvision_kernels import kernels

_MAX = 0


def roi_align_forward(
    input: Tensor,
    rois: Tensor,
    output: Tensor,
    argmax_y: Tensor,
    argmax_x: Tensor,
    aligned_height: int,
    aligned_width: int,
    spatial_scale: float,
    sampling_ratio: int,
    pool_mode: int,
    aligned: bool,
) -> None:
    """Pool (N, C, H, W) `input` over (R, 5) `rois` into (R, C, P, Q) `output`."""
    if pool_mode == _MAX:
        raise MissingOperatorError('roi_align_forward in max mode')
    features = at_least_float32(input)
    pooled = kernels.roi_align(
        features,
        rois.to(features.dtype),
        spatial_scale,
        aligned_height,
        aligned_width,
        sampling_ratio,
        aligned,
    )
    output.copy_(pooled)


def roi_align_backward(
    grad_output: Tensor,
    rois: Tensor,
    argmax_y: Tensor,
    argmax_x: Tensor,
    grad_input: Tensor,
    aligned_height: int,
    aligned_width: int,
    spatial_scale: float,
    sampling_ratio: int,
    pool_mode: int,
    aligned: bool,
) -> None:
    """Spread (R, C, P, Q) `grad_output` into (N, C, H, W) `grad_input`."""
    if pool_mode == _MAX:
        raise MissingOperatorError('roi_align_backward in max mode')
    gradient = at_least_float32(grad_output)
    spread = kernels._roi_align_backward(
        gradient,
        rois.to(gradient.dtype),
        spatial_scale,
        aligned_height,
        aligned_width,
        *grad_input.shape,
        sampling_ratio,
        aligned,
    )
    grad_input.copy_(spread)


def at_least_float32(tensor: Tensor) -> Tensor:
    """Return `tensor`, in float32 if it is of half precision."""
    return tensor.float() if tensor.dtype in (torch.float16, torch.bfloat16) else tensor
