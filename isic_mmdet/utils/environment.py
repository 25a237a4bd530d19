"""Environment variables that torch, matplotlib and other libraries read when they are imported."""

import getpass
import os
import sys


def set_waiting_time() -> None:
    """Let OpenMP threads sleep soon while they wait for each other, unless the user chose.

    By default the threads of GNU OpenMP, which compute torch's operators on a CPU, keep a core
    busy while they wait. If another process needs that core, a training step can take ten times as
    long. Sleep after a thousand spins has nearly all of the gain of immediate sleep
    (`OMP_WAIT_POLICY=PASSIVE`) and costs a small step on an idle machine 4 % instead of 29 %
    (docs/performance.md). Call this before torch is imported. Child processes inherit the setting.
    """
    if sys.platform == 'linux' and not {'GOMP_SPINCOUNT', 'OMP_WAIT_POLICY'} & set(os.environ):
        os.environ['GOMP_SPINCOUNT'] = '1000'


def prepare_for_tool() -> None:
    """Make the environment of a command-line tool usable where a notebook or container broke it."""
    if 'MPLBACKEND' in os.environ:
        # It may name a notebook, a missing screen or nothing. Tools only draw into files.
        os.environ['MPLBACKEND'] = 'Agg'
    try:
        getpass.getuser()
    except (ImportError, KeyError, OSError):
        # A user id without a name (`docker run -u`); torch names its cache folder after the user.
        os.environ['USER'] = f'uid{os.getuid() if hasattr(os, "getuid") else 0}'
    if os.path.expanduser('~') == '~':  # noqa: PTH111 - pathlib raises instead
        # Such a user id without HOME. Caches would use a folder named '~', or end the tool.
        os.environ['HOME'] = '/nonexistent'


def has_screen() -> bool:
    """Return whether windows can be opened."""
    if sys.platform in ('win32', 'darwin'):
        return True
    return any(os.environ.get(name) for name in ('DISPLAY', 'WAYLAND_DISPLAY'))
