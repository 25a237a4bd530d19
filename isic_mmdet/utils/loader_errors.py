"""Errors of the processes that load data: what they mean, and what helps."""

import re
from pathlib import Path
from traceback import extract_tb

# Text of an exception, reason, remedy. torch raises them as RuntimeError or OSError.
_KNOWN = (
    (
        r'[Tt]oo many open files|received 0 items of ancdata',
        'processes may not open more files',
        'Raise the limit (ulimit -n 4096), or lower num_workers or batch_size of the loader',
    ),
    (
        r'(unable to \w+|could not unlink the) shared memory|unable to (mmap|write|resize)'
        r'|killed by signal: Bus error',
        'the memory that processes share (/dev/shm) is full or cannot be used',
        'Give it more room (docker run --shm-size=2g or --ipc=host), or lower num_workers or '
        'batch_size of the loader; num_workers=0 needs none',
    ),
    (
        # Processes pass files through a socket in a folder of this name.
        r'AF_UNIX path too long|\bpymp-|No usable temporary directory',
        'no socket can be created in the folder for temporary files',
        'Set TMPDIR to a writable folder with a short path, such as /tmp',
    ),
)


class UnsentBatchError(RuntimeError):
    """A process that loads data could not send a batch."""


def known_loader_error(error: BaseException) -> tuple[str, str] | None:
    """Return reason and remedy of an error of a `DataLoader` that the data did not cause."""
    # torch chains the error that it noticed first.
    text = '\n'.join(str(each) for each in (error.__context__, error))
    for pattern, meaning, remedy in _KNOWN:
        if re.search(pattern, text):
            return meaning, remedy
    if isinstance(error, UnsentBatchError):
        return (
            f'a process that loads data cannot send a batch ({reason(error)})',
            'Let the pipeline return only what can be pickled, or set num_workers=0 of the loader',
        )
    if worker_died(error):
        return (
            'a process that loads data was killed, often because memory ran out',
            'Lower num_workers or batch_size of the loader',
        )
    return None


def worker_died(error: BaseException) -> bool:
    """Return whether an error of a `DataLoader` says that it lost one of its processes."""
    if isinstance(error, (EOFError, ConnectionError)):
        # The process is ending: its connection is closed, and torch still finds it alive.
        files = [Path(frame.filename) for frame in extract_tb(error.__traceback__)]
        return bool(files) and 'multiprocessing' in files[-1].parts
    pattern = r'DataLoader worker .*(killed by signal|exited unexpectedly)'
    return isinstance(error, RuntimeError) and re.search(pattern, str(error)) is not None


def reason(error: BaseException) -> str:
    """Return what an error says, without the traceback of the worker that raised it."""
    last = last_line(str(error)) or type(error).__name__
    return re.sub(r'^((\w+\.)*\w*(Error|Exception): )+', '', last)


def last_line(text: str) -> str:
    """Return the last line of a message; after a traceback it holds the reason."""
    return text.strip().rpartition('\n')[2]
