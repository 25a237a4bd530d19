"""The module `mmcv._ext` for an mmcv without compiled operators, made from torchvision's.

Upstream bug: mmcv-lite has no compiled operators, and `mmdet.models` imports all of them at once
(open-mmlab/mmcv 2938, 3035, 3104). Building them needs a compiler, half an hour and, for a GPU,
the CUDA toolkit that torch was built with. This can be removed when mmcv publishes wheels for the
torch in requirements.txt.

Only the operators of Mask R-CNN, Cascade Mask R-CNN, Mask Scoring R-CNN, PointRend, RTMDet-Ins and
Mask2Former are here: NMS and RoIAlign. (On a GPU, Mask2Former also calls deformable attention.)
Any other operator raises `MissingOperatorError` when it is called.
"""

from collections.abc import Callable
from importlib.metadata import version
from typing import NoReturn

import numpy as np
import torch
import torchvision
from torch import Tensor

from isic_mmdet.errors import InputError

_MAX = 0  # a `pool_mode`
_kernels = torch.ops.torchvision


class MissingOperatorError(InputError, RuntimeError):
    """A compiled mmcv operator was called that is not replaced here."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"the operator '{name}' is not available: mmcv is installed without its compiled "
            'operators, and this project replaces only the few that its models need. '
            'Choose a model that works without it, or replace mmcv-lite by the full mmcv 2.1.0 '
            'built for your versions of torch and CUDA: pip uninstall mmcv-lite, then '
            'https://mmcv.readthedocs.io/en/v2.1.0/get_started/build.html'
        )


def __getattr__(name: str) -> Callable[..., NoReturn]:
    """Return an operator that raises when it is called.

    mmcv checks at import that each operator exists. Names that begin with an underscore do not
    exist, so that `inspect`, `pickle` and `doctest` see an ordinary module.
    """
    if name.startswith('_'):
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')

    def missing(*args: object, **kwargs: object) -> NoReturn:
        raise MissingOperatorError(name)

    return missing


def get_compiler_version() -> str:
    """Return what the environment report shows as the compiler of mmcv."""
    return f'none (operators of torchvision {version("torchvision")})'


def get_compiling_cuda_version() -> str:
    """Return what the environment report shows as the CUDA version of mmcv."""
    return 'none'


def at_least_float32(tensor: Tensor) -> Tensor:
    """Return `tensor`, converted to float32 if it has half precision."""
    return tensor.float() if tensor.dtype in (torch.float16, torch.bfloat16) else tensor


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


# RoIAlign in average mode. N images, C channels, R regions (image index, x1, y1, x2, y2), P x Q
# output bins. torchvision's kernels do not support bfloat16, nor float16 on every device. Therefore
# half precision is computed in float32 and cast back.


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
    rois = rois.to(features.dtype)
    size = (aligned_height, aligned_width)
    output.copy_(_kernels.roi_align(features, rois, spatial_scale, *size, sampling_ratio, aligned))


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
    gradient = at_least_float32(grad_output)
    rois = rois.to(gradient.dtype)
    shapes = (aligned_height, aligned_width, *grad_input.shape)
    grad_input.copy_(
        _kernels._roi_align_backward(
            gradient, rois, spatial_scale, *shapes, sampling_ratio, aligned
        )
    )
