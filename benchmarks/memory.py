"""Memory of processes. One megabyte (MB) is 10^6 bytes."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import psutil

from isic_mmdet.errors import InputError

# A child process counts the memory of its parent until it executes its own program. This small
# process stands between a measurement that may hold gigabytes and the command.
_BETWEEN = """
import os, subprocess, sys
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
_, status, usage = os.wait4(process.pid, 0)
process.returncode = os.waitstatus_to_exitcode(status)
print(process.returncode, usage.ru_maxrss)
"""


def resident_mb(pid: int | None = None) -> float | None:
    """Return the resident memory of a process, by default of this one; None if it has ended."""
    try:
        return psutil.Process(pid).memory_info().rss / 1e6
    except psutil.NoSuchProcess:
        return None


def peak_mb() -> float:
    """Return the highest resident memory of this process since `reset_peak` (Linux only).

    `getrusage` would also count the parent process, if that was larger.
    """
    status = Path('/proc/self/status').read_text(encoding='utf-8')
    (line,) = (line for line in status.splitlines() if line.startswith('VmHWM:'))
    return int(line.split()[1]) * 1024 / 1e6


def reset_peak() -> None:
    """Start again to look for the peak of this process (Linux only)."""
    Path('/proc/self/clear_refs').write_text('5')


def peak_of_command(command: Sequence[str]) -> float:
    """Run a command to its end and return its peak resident memory in MB.

    Raises:
        InputError: the command failed; the message has the end of its stderr.
    """
    done = subprocess.run(
        [sys.executable, '-S', '-c', _BETWEEN, *command], capture_output=True, text=True
    )
    words = done.stdout.split()
    if done.returncode or words[0] != '0':
        raise InputError(f'{" ".join(command)} failed', done.stderr.strip().splitlines()[-3:])
    # macOS counts bytes, Linux KiB.
    return int(words[1]) * (1 if sys.platform == 'darwin' else 1024) / 1e6
