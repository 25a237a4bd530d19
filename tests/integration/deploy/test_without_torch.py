"""Predicting without torch and mmdet: with them hidden, and in an environment that lacks them."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.support.tool_runs import TORCH, run_tool


@pytest.fixture(scope='module')
def folder(images, tmp_path_factory) -> Path:
    """A folder with the images."""
    folder = tmp_path_factory.mktemp('folder')
    for index, image in enumerate(images):
        Image.fromarray(image).save(folder / f'ISIC_000000{index}.png')
    return folder


def assert_predicted(done: subprocess.CompletedProcess, out: Path, net, images) -> None:
    assert done.returncode == 0, done.stderr[-3000:]
    for index, image in enumerate(images):
        mask = np.asarray(Image.open(out / f'ISIC_000000{index}_segmentation.png'))
        np.testing.assert_array_equal(mask > 128, net(image).mask)
    assert len((out / 'predictions.csv').read_text().splitlines()) == 1 + len(images)


def test_it_predicts_without_torch_and_mmdet(net, exported, images, folder, tmp_path):
    arguments = (folder, '--model', exported, '--out', tmp_path / 'out', '--overlay')
    done = run_tool('predict', *arguments, torch=False)
    assert_predicted(done, tmp_path / 'out', net, images)


@pytest.mark.slow
def test_it_predicts_in_an_environment_of_less_than_400_mb(
    root, net, exported, images, folder, tmp_path
):
    bare = tmp_path / 'bare'

    def run(*command: object) -> subprocess.CompletedProcess:
        arguments = [str(part) for part in command]
        return subprocess.run(arguments, cwd=root, capture_output=True, text=True, timeout=500)

    done = run(sys.executable, '-m', 'venv', bare)
    assert done.returncode == 0, done.stderr[-3000:]
    python = bare / 'bin/python'
    done = run(python, '-m', 'pip', 'install', '--quiet', '-r', 'requirements-runtime.txt')
    if 'No matching distribution' in done.stderr or 'Connection' in done.stderr:
        pytest.skip('needs the network to install packages')
    assert done.returncode == 0, done.stderr[-3000:]
    size = sum(path.lstat().st_size for path in bare.rglob('*') if not path.is_dir())
    assert size < 400e6
    for name in TORCH:
        assert run(python, '-c', f'import {name}').returncode != 0, name
    arguments = (folder, '--model', exported, '--out', tmp_path / 'out')
    assert_predicted(run(python, 'tools/predict.py', *arguments), tmp_path / 'out', net, images)
