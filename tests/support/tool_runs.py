"""Runs tools as users do."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# What requirements.txt names and requirements-runtime.txt does not; torch brings some of the rest.
TORCH = ('torch', 'torchvision', 'mmdet', 'mmengine', 'mmcv', 'pycocotools', 'scipy', 'matplotlib')
# `--cfg-options` of a training of one epoch on a tiny data set, in one process.
ONE_EPOCH = (
    'train_cfg.max_epochs=1',
    'train_cfg.val_interval=1',
    'param_scheduler.0.end=1',
    'train_dataloader.batch_size=4',
    'train_dataloader.num_workers=0',
    'train_dataloader.persistent_workers=False',
    'val_dataloader.num_workers=0',
    'val_dataloader.persistent_workers=False',
)
# Runs the script of its first argument. Importing a module that is None in sys.modules raises.
WITHOUT_TORCH = f"""
import runpy, sys
sys.modules |= dict.fromkeys({TORCH!r})
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name='__main__')
"""


def run_tool(
    name: str,
    *arguments: object,
    processes: int = 0,
    cwd: Path = ROOT,
    gpu: bool = False,
    torch: bool = True,
) -> subprocess.CompletedProcess:
    """Run a tool on the CPU and return how it ended.

    Args:
        name: of a Python file in tools/ without its suffix, or of a shell script.
        arguments: of the command line.
        processes: number of processes that torchrun starts; 0 starts one without torchrun.
        cwd: the folder to run in.
        gpu: leave the GPU visible.
        torch: False hides the packages of `TORCH`.
    """
    start = ['bash'] if name.endswith('.sh') else [sys.executable]
    if not torch:
        start += ['-c', WITHOUT_TORCH]
    path = ROOT / 'tools' / (name if name.endswith('.sh') else f'{name}.py')
    if processes:
        start += ['-m', 'torch.distributed.run', '--standalone']
        start += ['--nproc-per-node', str(processes)]
        arguments = (*arguments, '--launcher', 'pytorch')
    environment = {**os.environ, 'OMP_NUM_THREADS': '1', 'PYTHON': sys.executable}
    if not gpu:
        environment['CUDA_VISIBLE_DEVICES'] = ''
    return subprocess.run(
        list(map(str, [*start, path, *arguments])),
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        timeout=280,
    )


def succeed(*arguments: object, **settings: object) -> str:
    """Run a tool that must end with status 0, and return its stdout."""
    done = run_tool(*arguments, **settings)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def fail(*arguments: object, **settings: object) -> str:
    """Run a tool that must end with status 1 and one message, and return the message."""
    done = run_tool(*arguments, **settings)
    assert done.returncode == 1, done.stderr[-3000:]
    assert done.stderr.count('error: ') == 1
    assert 'Traceback' not in done.stderr
    return done.stderr
