"""torchvision's compiled operators, without torchvision.

Fault of torchvision 0.26 that this mends: the operators come with its models and data sets and,
through a decorator in `torchvision.ops.roi_align`, with the whole of `torch._dynamo`, which takes
longer to import than a lesion takes to be found. This can go when `import torchvision.ops` takes a
tenth of a second.
"""

from importlib.machinery import EXTENSION_SUFFIXES, ExtensionFileLoader, FileFinder
from importlib.util import find_spec

import torch


def _load() -> None:
    package = find_spec('torchvision')
    folders = (package and package.submodule_search_locations) or []
    for folder in folders:
        library = FileFinder(folder, (ExtensionFileLoader, EXTENSION_SUFFIXES)).find_spec('_C')
        if library is not None and library.origin is not None:
            # torch loads no file twice: `import torchvision` may follow, or have gone before.
            torch.ops.load_library(library.origin)
            return
    raise ImportError('torchvision is not installed, or has no compiled operators')


_load()

#: The operators by name, such as `kernels.nms`.
kernels = torch.ops.torchvision
