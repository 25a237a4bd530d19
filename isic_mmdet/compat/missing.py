"""The answer of an operator that torchvision has no counterpart for."""

from collections.abc import Callable
from typing import NoReturn

from isic_mmdet.errors import InputError


class MissingOperatorError(InputError, RuntimeError):
    """A compiled mmcv operator was called that the stand-in does not provide."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"the operator '{name}' is not available: mmcv is installed without its compiled "
            'operators, and torchvision, which stands in for them, has none of this name. '
            'Choose a model that does without it, or replace mmcv-lite by the full mmcv 2.1.0 '
            'built for your versions of torch and CUDA: pip uninstall mmcv-lite, then '
            'https://mmcv.readthedocs.io/en/v2.1.0/get_started/build.html'
        )


def missing_operator(name: str) -> Callable[..., NoReturn]:
    """Return a function that may be held and passed around, and raises when called."""

    def missing(*args: object, **kwargs: object) -> NoReturn:
        raise MissingOperatorError(name)

    missing.__name__ = missing.__qualname__ = name
    return missing
