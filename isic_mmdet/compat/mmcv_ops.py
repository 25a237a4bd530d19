"""The module `mmcv._ext` made of torchvision's operators, for an mmcv without compiled ones.

Fault: mmcv-lite has no compiled operators, and `mmdet.models` imports them all at once
(open-mmlab/mmcv 2938, 3035, 3104). Building them takes a compiler, half an hour and, for a GPU,
the CUDA toolkit that torch was built with. This can go when mmcv publishes wheels for the torch
in requirements.txt.
"""

import sys
from collections.abc import Callable, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.metadata import version
from types import ModuleType
from typing import Any

from isic_mmdet.compat import deform_conv, nms, roi_align
from isic_mmdet.compat.missing import missing_operator

NAME = 'mmcv._ext'


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


class OperatorModule(ModuleType):
    """A module that has every operator; those it cannot compute raise when called.

    mmcv asserts at import that each operator is there. Names that begin with an underscore are
    absent, so that `inspect`, `pickle` and `doctest` see an ordinary module.
    """

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith('_'):
            raise AttributeError(f'module {self.__name__!r} has no attribute {name!r}')
        return missing_operator(name)


class OperatorFinder(MetaPathFinder, Loader):
    """Finds `mmcv._ext` after everybody else, so a compiled one always goes first."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return a spec for `mmcv._ext` and for nothing else."""
        return ModuleSpec(NAME, self, origin='torchvision') if fullname == NAME else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Return the empty module."""
        return OperatorModule(spec.name, __doc__)

    def exec_module(self, module: ModuleType) -> None:
        """Put the operators in place."""
        vars(module).update(OPERATORS)


def install_operators() -> None:
    """Let `import mmcv._ext` fall back to torchvision's operators."""
    if not any(isinstance(finder, OperatorFinder) for finder in sys.meta_path):
        sys.meta_path.append(OperatorFinder())
