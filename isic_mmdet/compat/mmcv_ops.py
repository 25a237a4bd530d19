"""The contents of `mmcv._ext` for an mmcv without compiled operators, made from torchvision's.

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
from typing import Any

from isic_mmdet.compat.nms import nms
from isic_mmdet.compat.roi_align import roi_align_backward, roi_align_forward


def get_compiler_version() -> str:
    """Return what the environment report shows as the compiler of mmcv."""
    return f'none (operators of torchvision {version("torchvision")})'


def get_compiling_cuda_version() -> str:
    """Return what the environment report shows as the CUDA version of mmcv."""
    return 'none'


OPERATORS: dict[str, Callable[..., Any]] = {
    function.__name__: function
    for function in (
        get_compiler_version,
        get_compiling_cuda_version,
        nms,
        roi_align_forward,
        roi_align_backward,
    )
}
