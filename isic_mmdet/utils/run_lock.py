"""One process at a time writes into a folder of results."""

import errno
import json
import os
import shlex
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from isic_mmdet.errors import InputError
from isic_mmdet.utils.file_lock import lock
from isic_mmdet.utils.files import writing

LOCK = '.lock'
# Environment variables with the number of a process, by launcher.
_RANKS = {'pytorch': 'RANK', 'slurm': 'SLURM_PROCID', 'mpi': 'OMPI_COMM_WORLD_RANK'}
# Errors of a lock on a file system without locks (some network file systems).
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL)
_descriptors: set[int] = set()


def is_first_process(launcher: str) -> bool:
    """Return whether this process is the first one of a launcher; without one ('none') it is."""
    variable = _RANKS.get(launcher)
    return variable is None or int(os.environ.get(variable, 0)) == 0


def is_restarted() -> bool:
    """Return whether torchrun restarts processes, so that those of an earlier try may still end."""
    return int(os.environ.get('TORCHELASTIC_MAX_RESTARTS', 0)) > 0


@contextmanager
def run_lock(
    folder: str | Path, remedy: str, needed: bool = True, patience: float = 0.0
) -> Iterator[None]:
    """Run a block that no other process may run in the same folder at the same time.

    The folder is created if necessary, and removed if the block leaves it empty. The lock is an
    advisory lock of the operating system on the file `.lock` in it. It ends with the process, and
    forked processes do not keep it. If the file system has no locks, a warning is printed.

    Args:
        folder: of the results.
        remedy: how to use another folder, for the message, such as 'name another --work-dir'.
        needed: False takes no lock; for the other processes of a distributed run.
        patience: seconds to wait before an `InputError` reports the process that holds the lock.
    """
    if not needed:
        yield
        return
    folder = Path(folder)
    path = folder / LOCK
    is_new = not folder.exists()
    with writing(path):
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = _locked(path, remedy, time.monotonic() + patience)
    _descriptors.add(descriptor)
    try:
        with writing(path):
            _describe_holder(descriptor)
        yield
    finally:
        # Unlinked before the lock is released: a waiting process opens the new file.
        with suppress(PermissionError):
            path.unlink(missing_ok=True)
        _descriptors.discard(descriptor)
        os.close(descriptor)
        # Windows removes only closed files, and only if no other process has opened them since.
        with suppress(PermissionError):
            path.unlink(missing_ok=True)
        if is_new:
            with suppress(OSError):
                folder.rmdir()


def _locked(path: Path, remedy: str, until: float) -> int:
    """Return the descriptor of the locked file."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            lock(descriptor)
        except BlockingIOError:
            holder = os.read(descriptor, 1 << 16)
            os.close(descriptor)
            if time.monotonic() < until:
                time.sleep(0.2)
                continue
            raise InputError(
                f'{path.parent} is in use by {_holder(holder)}; wait for its end, or {remedy}'
            ) from None
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                os.close(descriptor)
                raise
            print(
                f'warning: the file system of {path.parent} has no locks '
                f'({os.strerror(error.errno)}): make sure that no other process writes there',
                file=sys.stderr,
            )
            return descriptor
        # The previous holder may have removed the file after it was opened here.
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(descriptor), path.stat()):
                return descriptor
        os.close(descriptor)


def _describe_holder(descriptor: int) -> None:
    holder = {
        'pid': os.getpid(),
        'host': socket.gethostname(),
        'since': datetime.now().astimezone().isoformat(' ', 'seconds'),
        'command': shlex.join(sys.argv),
    }
    os.ftruncate(descriptor, 0)
    os.lseek(descriptor, 0, os.SEEK_SET)
    os.write(descriptor, json.dumps(holder).encode())


def _holder(content: bytes) -> str:
    try:
        holder = json.loads(content)
        return 'process {pid} on {host}, started {since} ({command})'.format(**holder)
    except (ValueError, TypeError, KeyError):  # it has the lock, but has not written its name yet
        return 'another process that has just started'


def _release_in_child() -> None:
    """Close the inherited files, which would keep the lock after the end of the parent."""
    while _descriptors:
        with suppress(OSError):
            os.close(_descriptors.pop())


if hasattr(os, 'register_at_fork'):
    os.register_at_fork(after_in_child=_release_in_child)
