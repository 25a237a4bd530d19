"""The import of `mmcv._ext` for an mmcv without compiled operators.

`import isic_mmdet` installs the finder, so that mmdet can be imported after it, also in a new
process that unpickles a data set. Torch and `mmcv_ops` are imported only with `mmcv._ext` itself.
This can be removed together with `mmcv_ops`, which describes the upstream bug.
"""

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

from isic_mmdet import compat

_NAME = 'mmcv._ext'


class OperatorFinder(MetaPathFinder, Loader):
    """Finds `mmcv._ext` after all other finders, so that a compiled module has priority."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return a spec for `mmcv._ext` only."""
        return ModuleSpec(_NAME, self, origin='torchvision') if fullname == _NAME else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Return the module with the operators, and install all other fixes."""
        compat.install()
        return import_module('isic_mmdet.compat.mmcv_ops')

    def exec_module(self, module: ModuleType) -> None:
        """Do nothing: the module was run when it was imported."""


def install_finder() -> None:
    """Let `import mmcv._ext` use torchvision's operators if there are no compiled ones."""
    sys.meta_path.append(OperatorFinder())
