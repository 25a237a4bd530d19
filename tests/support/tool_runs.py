"""Runs tools as users do, on the CPU."""

import os
import subprocess
import sys
from pathlib import Path


def run_tool(
    root: Path, name: str, *arguments: object, processes: int = 0
) -> subprocess.CompletedProcess:
    """Run tools/`name`.py, with `processes` started by torchrun if it is not 0."""
    start = [sys.executable]
    if processes:
        start += ['-m', 'torch.distributed.run', '--standalone']
        start += ['--nproc-per-node', str(processes)]
        arguments = (*arguments, '--launcher', 'pytorch')
    return subprocess.run(
        [*start, f'tools/{name}.py', *map(str, arguments)],
        cwd=root,
        env={**os.environ, 'CUDA_VISIBLE_DEVICES': '', 'OMP_NUM_THREADS': '1'},
        capture_output=True,
        text=True,
        timeout=550,
    )


def assert_one_message(done: subprocess.CompletedProcess, status: int, message: str) -> None:
    """Check that a tool ended with one error message and no traceback."""
    assert done.returncode == status
    assert message in done.stderr
    assert done.stderr.count('error: ') == 1
    assert 'Traceback' not in done.stderr
