"""What a command-line tool reports when an exception ends it."""

import errno
import os
import platform
import shlex
import sys
import tempfile
import traceback
from pathlib import Path

from isic_mmdet.errors import InputError
from isic_mmdet.utils.files import REMEDIES
from isic_mmdet.utils.loader_errors import known_loader_error, last_line

_TOO_MANY = 'raise the limit of processes and threads (ulimit -u) or use fewer workers'
# Remedies for errors that concern no single file.
_LIMITS = {
    errno.ENOSPC: REMEDIES[errno.ENOSPC],
    errno.EDQUOT: REMEDIES[errno.EDQUOT],
    errno.ENFILE: 'close other programs or use fewer workers',
    errno.EAGAIN: _TOO_MANY,
}


def explanation(error: BaseException | None) -> str | None:
    """Return the message for an exception that the user can fix, None for an unexpected one.

    An exception that it was explicitly raised from may give the explanation.
    """
    while error is not None:
        if (found := _explanation(error)) is not None:
            return found
        error = error.__cause__
    return None


def _explanation(error: BaseException) -> str | None:
    text = str(error)
    if isinstance(error, InputError):
        return text
    if isinstance(error, RuntimeError | OSError | EOFError) and (
        loading := known_loader_error(error)
    ):
        return '. '.join(loading)
    if isinstance(error, OSError):
        return _of_the_system(error)
    if isinstance(error, ModuleNotFoundError):
        return _of_a_missing_module(error)
    if isinstance(error, UnicodeEncodeError):
        letters = error.object[error.start : error.end]
        return f'{letters!a} cannot be written in this locale; set PYTHONUTF8=1, or LC_ALL=C.UTF-8'
    if (
        isinstance(error, MemoryError)
        or type(error).__name__ == 'OutOfMemoryError'
        or "can't allocate memory" in text
        or 'failed to map segment' in text
    ):
        return (
            f'memory ran out ({_first_line(text) or "the system gave none"}); use smaller batches, '
            'a smaller image scale or fewer workers, or end other programs'
        )
    if isinstance(error, RuntimeError) and "can't start new thread" in text:
        return f'{text}; {_TOO_MANY}'
    return None


def _of_the_system(error: OSError) -> str | None:
    number = error.errno or 0
    remedy = _LIMITS.get(number) or (REMEDIES.get(number) if error.filename else None)
    if remedy is None:
        return None
    where = f'{os.fsdecode(error.filename)}: ' if isinstance(error.filename, str | bytes) else ''
    return f'{where}{os.strerror(number)}; {remedy}'


def _of_a_missing_module(error: ModuleNotFoundError) -> str | None:
    package = (error.name or '').partition('.')[0]
    # If only a part of an installed package is missing, the code has an error.
    if package in ('', 'isic_mmdet') or package in sys.modules:
        return None
    return (
        f"the package '{package}' is missing in {sys.prefix}; activate the environment of the "
        'project, or install what it needs: pip install -r requirements.txt (for predict.py '
        '--model and serve.py alone: requirements-runtime.txt)'
    )


def report(error: BaseException) -> str:
    """Write the traceback of an unexpected exception to a file, and return one sentence on it.

    If no file can be written, the traceback goes to stderr.
    """
    # The error of a worker holds the worker's traceback, which ends with the reason.
    what = (last_line if 'Original Traceback' in str(error) else _first_line)(str(error))
    rank = f' in process {os.environ["RANK"]}' if 'RANK' in os.environ else ''
    sentence = f'unexpected {type(error).__name__}{rank}{": " if what else ""}{what}'
    try:
        path = _write(_details(error))
    except OSError:
        traceback.print_exception(error)
        return f'{sentence} (no file could be written for the traceback above)'
    return f'{sentence}. This should not happen; please report it with {path}'


def _details(error: BaseException) -> str:
    loaded = ('torch', 'mmengine', 'mmdet', 'mmcv', 'numpy', 'cv2', 'onnxruntime')
    versions = ', '.join(
        f'{name} {getattr(sys.modules[name], "__version__", "?")}'
        for name in loaded
        if name in sys.modules
    )
    return (
        f'command: {shlex.join(sys.argv)}\n'
        f'folder: {Path.cwd()}\n'
        f'Python {platform.python_version()} on {platform.platform()}; {versions}\n\n'
        f'{"".join(traceback.format_exception(error))}'
    )


def _write(text: str) -> Path:
    """Write a new file to the temporary folder, or else to the current one."""
    prefix = f'isic_mmdet-{Path(sys.argv[0]).stem}-'
    try:
        descriptor, name = tempfile.mkstemp('.txt', prefix)
    except OSError:
        descriptor, name = tempfile.mkstemp('.txt', prefix, dir=Path.cwd())
    with os.fdopen(descriptor, 'w', encoding='utf-8', errors='backslashreplace') as file:
        file.write(text)
    return Path(name)


def _first_line(text: str) -> str:
    return text.strip().partition('\n')[0]
