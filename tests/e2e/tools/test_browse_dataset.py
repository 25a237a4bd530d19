"""The command as users type it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.fixture
def tool(root: Path):
    def call(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(root / 'tools/browse_dataset.py'), *map(str, arguments)]
        environment = {**os.environ, 'OMP_NUM_THREADS': '1', 'CUDA_VISIBLE_DEVICES': ''}
        return subprocess.run(command, capture_output=True, text=True, env=environment)

    return call


def test_writes_the_sheets_and_says_where(tool, root: Path, tiny_data: Path, tmp_path: Path):
    out = tmp_path / 'out'
    done = tool(
        *(root / 'configs/quickstart.py', '--data-root', tiny_data, '--out', out),
        *('--split', 'train', '--number', '2', '--seed', '3', '--augmented'),
        *('--cfg-options', 'train_dataloader.dataset.ann_file=annotations/val.json'),
    )
    assert done.returncode == 0, done.stderr
    names = ['resolution.png', 'masks.png', 'augmented.png']
    assert done.stdout.splitlines()[-3:] == [str(out / name) for name in names]
    for name in names:
        assert (out / name).read_bytes().startswith(b'\x89PNG')
    assert '2/2' in done.stderr  # the progress bars


def test_missing_data_are_one_message_and_status_1(tool, root: Path, tmp_path: Path):
    done = tool(
        *(root / 'configs/quickstart.py', '--data-root', tmp_path / 'x', '--out', tmp_path / 'y')
    )
    assert done.returncode == 1
    assert 'no such file' in done.stderr
    assert 'Traceback' not in done.stderr


def test_wrong_arguments_are_status_2_and_help_ends_with_an_example(tool):
    assert tool('config.py').returncode == 2
    done = tool('--help')
    assert done.returncode == 0
    assert done.stdout.rstrip().splitlines()[-1].startswith('  python tools/browse_dataset.py')
