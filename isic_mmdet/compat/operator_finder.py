"""Lets `import mmcv._ext` succeed for an mmcv without compiled operators.

See `isic_mmdet.compat.mmcv_ops`, which is imported, and torch with it, when somebody asks for the
module. The finder is there as soon as `isic_mmdet` is imported, so that mmdet can be imported
after it, also in a fresh process that unpickles a data set.
"""

import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from isic_mmdet import compat

_NAME = 'mmcv._ext'


class OperatorModule(ModuleType):
    """A module that has every operator; those it cannot compute raise when called.

    mmcv asserts at import that each operator is there. Names that begin with an underscore are
    absent, so that `inspect`, `pickle` and `doctest` see an ordinary module.
    """

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith('_'):
            raise AttributeError(f'module {self.__name__!r} has no attribute {name!r}')
        return import_module('isic_mmdet.compat.missing').missing_operator(name)


class OperatorFinder(MetaPathFinder, Loader):
    """Finds `mmcv._ext` after everybody else, so a compiled one always goes first."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return a spec for `mmcv._ext` and for nothing else."""
        return ModuleSpec(_NAME, self, origin='torchvision') if fullname == _NAME else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Return the empty module."""
        return OperatorModule(spec.name, 'Operators of mmcv, made of those of torchvision.')

    def exec_module(self, module: ModuleType) -> None:
        """Put the operators in place, and with them the rest of the compatibility layer."""
        compat.install()
        vars(module).update(import_module('isic_mmdet.compat.mmcv_ops').OPERATORS)


def install_finder() -> None:
    """Let `import mmcv._ext` fall back to torchvision's operators."""
    if not any(isinstance(finder, OperatorFinder) for finder in sys.meta_path):
        sys.meta_path.append(OperatorFinder())
