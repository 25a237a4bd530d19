"""RoIAlign in average mode, with the signatures of mmcv's operators (see `mmcv_ops`).

N images, C channels, R regions (image index, x1, y1, x2, y2), P x Q output bins. torchvision's
kernels do not support bfloat16, nor float16 on every device. Therefore half precision is computed
in float32 and cast back.
"""

import torch
import torchvision  # noqa: F401 - registers its kernels
from torch import Tensor

from isic_mmdet.compat.missing import MissingOperatorError

_MAX = 0
_kernels = torch.ops.torchvision


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
    pooled = _kernels.roi_align(
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
    """Distribute (R, C, P, Q) `grad_output` to (N, C, H, W) `grad_input`."""
    if pool_mode == _MAX:
        raise MissingOperatorError('roi_align_backward in max mode')
    gradient = at_least_float32(grad_output)
    gradients = _kernels._roi_align_backward(
        gradient,
        rois.to(gradient.dtype),
        spatial_scale,
        aligned_height,
        aligned_width,
        *grad_input.shape,
        sampling_ratio,
        aligned,
    )
    grad_input.copy_(gradients)


def at_least_float32(tensor: Tensor) -> Tensor:
    """Return `tensor`, converted to float32 if it has half precision."""
    return tensor.float() if tensor.dtype in (torch.float16, torch.bfloat16) else tensor
