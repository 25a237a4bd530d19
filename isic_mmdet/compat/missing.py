"""The error of an mmcv operator that the stand-ins do not provide."""

from collections.abc import Callable
from typing import NoReturn

from isic_mmdet.errors import InputError


class MissingOperatorError(InputError, RuntimeError):
    """A compiled mmcv operator was called that the stand-in does not provide."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"the operator '{name}' is not available: mmcv is installed without its compiled "
            'operators, and this project replaces only the few that its models need. '
            'Choose a model that works without it, or replace mmcv-lite by the full mmcv 2.1.0 '
            'built for your versions of torch and CUDA: pip uninstall mmcv-lite, then '
            'https://mmcv.readthedocs.io/en/v2.1.0/get_started/build.html'
        )


def missing_operator(name: str) -> Callable[..., NoReturn]:
    """Return a function that can be imported and passed around, and raises when it is called."""

    def missing(*args: object, **kwargs: object) -> NoReturn:
        raise MissingOperatorError(name)

    missing.__name__ = missing.__qualname__ = name
    return missing
