"""What tests measure for the docs is written by one process."""

import subprocess
import sys


def test_two_processes_would_write_over_each_other(root):
    command = [
        sys.executable,
        '-m',
        'pytest',
        '--figures',
        '-n',
        '2',
        'tests/unit/utils/test_system.py',
    ]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True)
    assert done.returncode == 4  # of pytest: it was used wrongly
    assert '--figures writes what one process measured; add -n 0' in done.stderr
