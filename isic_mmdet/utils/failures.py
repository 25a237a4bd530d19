"""What a command-line tool says when an exception ends it."""

import errno
import os
import platform
import shlex
import sys
import tempfile
import traceback
from collections.abc import Iterator
from pathlib import Path

from isic_mmdet.errors import InputError
from isic_mmdet.utils.loader_errors import known_loader_error, last_line

_GO_ON = 'then start the same command again (train.py and predict.py continue with --resume)'
# What helps where the operating system refuses something, with or without the name of a file.
_LIMITS = {
    errno.ENOSPC: f'free some space, {_GO_ON}',
    errno.EDQUOT: f'free some of your quota, {_GO_ON}',
    errno.ENFILE: 'close other programs or use fewer workers',
    errno.EAGAIN: 'no more processes or threads can be started; raise the limit (ulimit -u) or use '
    'fewer workers',
}
_OF_A_FILE = {
    errno.EROFS: 'write elsewhere',
    errno.EFBIG: 'write to a file system that takes larger files',
    errno.EACCES: 'change its permissions, or use another place',
    errno.EPERM: 'change its permissions, or use another place',
    errno.EIO: 'check the disk, or use another place',
    errno.EISDIR: 'a file is needed there, not a folder',
    errno.ENOTDIR: 'a folder is needed there, not a file',
    errno.EEXIST: 'a folder is needed there, not a file',
    errno.ENAMETOOLONG: 'choose a shorter name',
}
_OUT_OF_MEMORY = (
    'memory ran out ({}); use smaller batches, a smaller image scale or fewer workers, or end '
    'other programs'
)


def explanation(error: BaseException) -> str | None:
    """Return the message for an exception that the user can fix, None for an unexpected one."""
    for each in _chain(error):
        found = _explanation(each)
        if found is not None:
            return found
    return None


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an exception and those that it was explicitly raised from."""
    while error is not None:
        yield error
        error = error.__cause__


def _explanation(error: BaseException) -> str | None:
    text = str(error)
    if isinstance(error, InputError):
        return text
    loading = known_loader_error(error) if isinstance(error, RuntimeError | OSError) else None
    if loading is not None:
        reason, remedy = loading
        return f'{reason}. {remedy}'
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
        return _OUT_OF_MEMORY.format(_first_line(text) or 'the system gave none')
    if isinstance(error, RuntimeError) and "can't start new thread" in text:
        return f'{text}: {_LIMITS[errno.EAGAIN]}'
    return None


def _of_the_system(error: OSError) -> str | None:
    number = error.errno or 0
    if 'No usable temporary directory' in str(error):
        return 'no folder for temporary files can be written to; set TMPDIR to one that can'
    remedy = _LIMITS.get(number) or (_OF_A_FILE.get(number) if error.filename else None)
    if remedy is None:
        return None
    where = f'{os.fsdecode(error.filename)}: ' if isinstance(error.filename, str | bytes) else ''
    return f'{where}{os.strerror(number)}; {remedy}'


def _of_a_missing_module(error: ModuleNotFoundError) -> str | None:
    package = (error.name or '').partition('.')[0]
    # A missing part of a package that is there is an error of the code.
    if package in ('', 'isic_mmdet') or package in sys.modules:
        return None
    return (
        f"the package '{package}' is missing in {sys.prefix}; activate the environment of the "
        'project, or install what it needs: pip install -r requirements.txt (for predict.py '
        '--model and serve.py alone: requirements-runtime.txt)'
    )


def report(error: BaseException) -> str:
    """Write the traceback of an unexpected exception to a file, and return one sentence on it.

    Where no file can be written, the traceback goes to stderr.
    """
    # An error of a worker process carries that process's traceback, which ends with the reason.
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
    versions = [
        f'{name} {getattr(sys.modules[name], "__version__", "?")}'
        for name in loaded
        if name in sys.modules
    ]
    head = [
        f'command: {shlex.join(sys.argv)}',
        f'folder: {Path.cwd()}',
        f'Python {platform.python_version()} on {platform.platform()}; {", ".join(versions)}',
    ]
    return '\n'.join([*head, '', ''.join(traceback.format_exception(error))])


def _write(text: str) -> Path:
    """Write a new file to the temporary folder, or else to the current one."""
    # The name of the tool, also as `python -m` gives it.
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
