"""The contents of `mmcv._ext`, made of torchvision's operators, for an mmcv without compiled ones.

Fault: mmcv-lite has no compiled operators, and `mmdet.models` imports them all at once
(open-mmlab/mmcv 2938, 3035, 3104). Building them takes a compiler, half an hour and, for a GPU,
the CUDA toolkit that torch was built with. This can go when mmcv publishes wheels for the torch
in requirements.txt.
"""

from collections.abc import Callable
from importlib.metadata import version
from typing import Any

from isic_mmdet.compat import deform_conv, nms, roi_align


def get_compiler_version() -> str:
    """Return what mmengine's environment report shows as the compiler of mmcv."""
    return f'none (operators of torchvision {version("torchvision")})'


def get_compiling_cuda_version() -> str:
    """Return what the report shows as the CUDA version that mmcv was compiled with."""
    return 'none'


OPERATORS: dict[str, Callable[..., Any]] = {
    function.__name__: function
    for function in (
        get_compiler_version,
        get_compiling_cuda_version,
        nms.nms,
        nms.softnms,
        nms.nms_match,
        roi_align.roi_align_forward,
        roi_align.roi_align_backward,
        deform_conv.deform_conv_forward,
        deform_conv.deform_conv_backward_input,
        deform_conv.deform_conv_backward_parameters,
        deform_conv.modulated_deform_conv_forward,
        deform_conv.modulated_deform_conv_backward,
    )
}
