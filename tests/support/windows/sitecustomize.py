"""Shows the code of the project what Windows has; for processes with this folder in PYTHONPATH.

Other packages choose by themselves what they use, so they see the real system.
"""

import builtins
import fcntl
import os
import select
import signal
import sys
import types
from collections.abc import Mapping
from typing import Any

OURS = ('isic_mmdet', '__main__', '__mp_main__')
ABSENT = {'fcntl', 'resource', 'pwd', 'grp', 'termios'}


class Windows(types.ModuleType):
    """A module without some of its names, or with others."""

    def __init__(self, real: types.ModuleType, absent: str = '', **others: Any) -> None:
        vars(self).update(_real=real, _absent=absent.split(), _others=others)

    def __getattr__(self, name: str) -> Any:
        if name in self._absent:
            raise AttributeError(f'Windows has no {self._real.__name__}.{name}')
        return self._others.get(name) or getattr(self._real, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._real, name, value)


def locking(descriptor: int, mode: int, size: int) -> None:
    """Lock bytes as Windows does, from the current position."""
    try:
        fcntl.lockf(descriptor, mode, size, os.lseek(descriptor, 0, os.SEEK_CUR))
    except BlockingIOError as error:
        raise PermissionError(*error.args) from error


PRESENT = {
    'msvcrt': types.SimpleNamespace(LK_NBLCK=fcntl.LOCK_EX | fcntl.LOCK_NB, locking=locking),
    'os': Windows(
        os,
        'fork forkpty register_at_fork getuid geteuid statvfs pwrite pread sched_getaffinity '
        'getloadavg mkfifo sysconf uname killpg setsid getpgid chown',
        name='nt',
    ),
    'select': Windows(select, 'poll epoll kqueue'),
    'signal': Windows(signal, 'SIGCHLD SIGKILL SIGHUP SIGALRM SIGUSR1 SIGUSR2 setitimer alarm'),
    'sys': Windows(sys, platform='win32'),
}
real_import = builtins.__import__


def windows_import(
    name: str, of: Mapping[str, Any] | None = None, *more: Any, **named: Any
) -> types.ModuleType:
    if str((of or {}).get('__name__', '')).split('.')[0] in OURS:
        if name in ABSENT:
            raise ModuleNotFoundError(f'Windows has no {name}', name=name)
        if name in PRESENT:
            return PRESENT[name]
    return real_import(name, of, *more, **named)


builtins.__import__ = windows_import
