"""Environment variables that torch, matplotlib and other libraries read when they are imported."""

import getpass
import os
import sys


def set_waiting_policy() -> None:
    """Let OpenMP threads sleep while they wait, unless the user chose otherwise.

    By default GNU OpenMP's threads, which compute torch's operators on a CPU, keep a core busy
    while they wait for each other. When another process needs that core, each of them waits for
    the other's time slice, and a training step can take ten times as long. Must be called before
    torch is imported; processes that this one starts inherit the setting.
    """
    os.environ.setdefault('OMP_WAIT_POLICY', 'PASSIVE')


def prepare_for_tool() -> None:
    """Make the environment of a command-line tool usable where a notebook or container broke it."""
    if 'MPLBACKEND' in os.environ and not _can_use_backend(os.environ['MPLBACKEND']):
        # Tools draw into files, which every backend writes alike.
        os.environ['MPLBACKEND'] = 'Agg'
    try:
        getpass.getuser()
    except (ImportError, KeyError, OSError):
        # A user id without a name (`docker run -u`); torch names its cache folder after the user.
        os.environ['USER'] = f'uid{os.getuid()}'


def has_screen() -> bool:
    """Return whether windows can be opened."""
    if sys.platform in ('win32', 'darwin'):
        return True
    return any(os.environ.get(name) for name in ('DISPLAY', 'WAYLAND_DISPLAY'))


def _can_use_backend(name: str) -> bool:
    # 'module://...' belongs to the notebook or IDE that started the tool.
    return has_screen() and not name.startswith('module://')
