"""The peak memory of a command."""

import subprocess
import sys
from collections.abc import Sequence

from isic_mmdet.errors import InputError

# A process counts the memory of what started it as its own until it runs its own program. This
# one is small, and stands between a measurement that may hold gigabytes and the command.
_BETWEEN = """
import os, subprocess, sys
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
_, status, usage = os.wait4(process.pid, 0)
process.returncode = os.waitstatus_to_exitcode(status)
print(process.returncode, usage.ru_maxrss)
"""


def peak_memory(command: Sequence[str]) -> float:
    """Run a command to its end and return its peak resident memory in megabytes (10^6 bytes).

    Raises:
        InputError: the command failed; the end of what it wrote to stderr says why.
    """
    done = subprocess.run(
        [sys.executable, '-S', '-c', _BETWEEN, *command], capture_output=True, text=True
    )
    words = done.stdout.split()
    if done.returncode or words[0] != '0':
        raise InputError(f'{" ".join(command)} failed', done.stderr.strip().splitlines()[-3:])
    # macOS counts bytes, Linux KiB.
    return int(words[1]) * (1 if sys.platform == 'darwin' else 1024) / 1e6
