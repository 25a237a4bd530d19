"""Predicting without torch and mmdet: with them hidden, and in an environment that lacks them."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

# What requirements.txt names and requirements-runtime.txt does not; torch brings some of the rest.
ABSENT = ('torch', 'torchvision', 'mmdet', 'mmengine', 'mmcv', 'pycocotools', 'scipy', 'matplotlib')

HIDDEN = f"""
import sys
for name in {ABSENT!r}:
    sys.modules[name] = None  # importing it raises
sys.argv = sys.argv[1:]
import runpy
runpy.run_path(sys.argv[0], run_name='__main__')
"""


@pytest.fixture(scope='module')
def image_files(images, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp('image_files')
    for index, image in enumerate(images):
        Image.fromarray(image).save(folder / f'ISIC_000000{index}.png')
    return folder


def run(*command: object, cwd: Path) -> subprocess.CompletedProcess:
    environment = {**os.environ, 'OMP_NUM_THREADS': '1'}
    return subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        timeout=500,
    )


def assert_predicted(out: Path, net, images) -> None:
    for index, image in enumerate(images):
        mask = np.asarray(Image.open(out / f'ISIC_000000{index}_segmentation.png'))
        np.testing.assert_array_equal(mask > 128, net(image).mask)
    assert len((out / 'predictions.csv').read_text().splitlines()) == 1 + len(images)


def test_it_predicts_without_torch_and_mmdet(root, net, exported, images, image_files, tmp_path):
    arguments = (image_files, '--model', exported, '--out', tmp_path / 'out', '--overlay')
    done = run(sys.executable, '-c', HIDDEN, root / 'tools/predict.py', *arguments, cwd=root)
    assert done.returncode == 0, done.stderr[-3000:]
    assert_predicted(tmp_path / 'out', net, images)


def test_hiding_works(root, tmp_path):
    script = tmp_path / 'script.py'
    script.write_text('import torch')
    assert run(sys.executable, '-c', HIDDEN, script, cwd=root).returncode != 0


@pytest.mark.slow
def test_it_predicts_in_an_environment_of_less_than_400_mb(
    root, net, exported, images, image_files, tmp_path
):
    bare = tmp_path / 'bare'
    done = run(sys.executable, '-m', 'venv', bare, cwd=root)
    assert done.returncode == 0, done.stderr[-3000:]
    python = bare / 'bin/python'
    install = ('-m', 'pip', 'install', '--quiet', '-r', 'requirements-runtime.txt')
    done = run(python, *install, cwd=root)
    if 'No matching distribution' in done.stderr or 'Connection' in done.stderr:
        pytest.skip('needs the network to install packages')
    assert done.returncode == 0, done.stderr[-3000:]
    size = sum(path.lstat().st_size for path in bare.rglob('*') if not path.is_dir())
    assert size < 400e6
    for name in ABSENT:
        assert run(python, '-c', f'import {name}', cwd=root).returncode != 0, name
    arguments = (image_files, '--model', exported, '--out', tmp_path / 'out')
    done = run(python, 'tools/predict.py', *arguments, cwd=root)
    assert done.returncode == 0, done.stderr[-3000:]
    assert_predicted(tmp_path / 'out', net, images)
