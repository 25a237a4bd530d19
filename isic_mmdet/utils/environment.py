"""Environment variables that torch, matplotlib and other libraries read when they are imported."""

import getpass
import os
import sys


def set_waiting_time() -> None:
    """Let OpenMP threads sleep soon while they wait for each other, unless the user chose.

    By default the threads of GNU OpenMP, which compute torch's operators on a CPU, keep a core
    busy while they wait. When another process needs that core, each waits for the other's time
    slice, and a training step can take ten times as long. A thousand turns of waiting cost a small
    step on an idle machine 4 %, sleeping at once (`OMP_WAIT_POLICY=PASSIVE`) 29 %, and bring nearly
    all of its gain (docs/performance.md). Must be called before torch is imported; processes that
    this one starts inherit the setting.
    """
    if sys.platform == 'linux' and not {'GOMP_SPINCOUNT', 'OMP_WAIT_POLICY'} & set(os.environ):
        os.environ['GOMP_SPINCOUNT'] = '1000'


def prepare_for_tool() -> None:
    """Make the environment of a command-line tool usable where a notebook or container broke it."""
    if 'MPLBACKEND' in os.environ:
        # Of a notebook, of a screen that is not there, or misspelled. Tools draw into files alone,
        # which every backend writes alike.
        os.environ['MPLBACKEND'] = 'Agg'
    try:
        getpass.getuser()
    except (ImportError, KeyError, OSError):
        # A user id without a name (`docker run -u`); torch names its cache folder after the user.
        os.environ['USER'] = f'uid{os.getuid()}'
    if os.path.expanduser('~') == '~':  # noqa: PTH111 - pathlib raises instead
        # Such a user id without HOME: caches would go into a folder '~' of the current one, or
        # end the tool. Debian names homes that are not there so.
        os.environ['HOME'] = '/nonexistent'


def has_screen() -> bool:
    """Return whether windows can be opened."""
    if sys.platform in ('win32', 'darwin'):
        return True
    return any(os.environ.get(name) for name in ('DISPLAY', 'WAYLAND_DISPLAY'))
