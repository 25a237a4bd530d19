"""The import of `mmcv._ext` for an mmcv without compiled operators.

`import isic_mmdet` installs the finder, so that mmdet can be imported after it, also in a new
process that unpickles a data set. Torch and `isic_mmdet.compat.mmcv_ops` are imported only with
`mmcv._ext` itself. This can be removed together with `mmcv_ops`, which describes the upstream bug.
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
    """A module that has every operator. Those that it cannot compute raise when they are called.

    mmcv checks at import that each operator exists. Names that begin with an underscore do not
    exist, so that `inspect`, `pickle` and `doctest` see an ordinary module.
    """

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith('_'):
            raise AttributeError(f'module {self.__name__!r} has no attribute {name!r}')
        return import_module('isic_mmdet.compat.missing').missing_operator(name)


class OperatorFinder(MetaPathFinder, Loader):
    """Finds `mmcv._ext` after all other finders, so that a compiled module has priority."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return a spec for `mmcv._ext` only."""
        return ModuleSpec(_NAME, self, origin='torchvision') if fullname == _NAME else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Return the empty module."""
        return OperatorModule(spec.name, 'Operators of mmcv, made from those of torchvision.')

    def exec_module(self, module: ModuleType) -> None:
        """Fill the module with the operators, and install all other fixes."""
        compat.install()
        vars(module).update(import_module('isic_mmdet.compat.mmcv_ops').OPERATORS)


def install_finder() -> None:
    """Let `import mmcv._ext` use torchvision's operators if there are no compiled ones."""
    if not any(isinstance(finder, OperatorFinder) for finder in sys.meta_path):
        sys.meta_path.append(OperatorFinder())
