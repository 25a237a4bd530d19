"""Runs tools as users do, on the CPU."""

import os
import subprocess
import sys
from pathlib import Path

# What requirements.txt names and requirements-runtime.txt does not; torch brings some of the rest.
TORCH = ('torch', 'torchvision', 'mmdet', 'mmengine', 'mmcv', 'pycocotools', 'scipy', 'matplotlib')
# Runs the script of its first argument. Importing a module that is None in sys.modules raises.
WITHOUT_TORCH = f"""
import runpy, sys
sys.modules |= dict.fromkeys({TORCH!r})
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name='__main__')
"""


def run_tool(
    root: Path, name: str, *arguments: object, processes: int = 0, torch: bool = True
) -> subprocess.CompletedProcess:
    """Run tools/`name`.py, with `processes` started by torchrun if it is not 0."""
    start = [sys.executable] if torch else [sys.executable, '-c', WITHOUT_TORCH]
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
