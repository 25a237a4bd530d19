"""Tools that keep the traceback of an unexpected exception, which tests look for."""

from typing import NoReturn

from isic_mmdet.utils import failures


def keep_tracebacks() -> None:
    """Let `cli.run` of this process raise what it would write to a file and report."""
    failures.report = _raise


def _raise(error: BaseException) -> NoReturn:
    raise error
