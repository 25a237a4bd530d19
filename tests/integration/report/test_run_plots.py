"""The plots of a run, drawn again from its files alone."""

import subprocess
import sys

import cv2
import numpy as np
import pytest

from isic_mmdet.report.run_plots import draw_evaluation, draw_training
from tests.support.report_run import make_run

# Importing one of these packages fails.
ALONE = """
import runpy, sys
for name in ('torch', 'torchvision', 'mmcv', 'mmdet', 'mmengine'):
    sys.modules[name] = None
sys.argv = ['report.py', {folder!r}]
runpy.run_path({tool!r}, run_name='__main__')
"""


@pytest.fixture
def run(tmp_path, tiny_data):
    make_run(tmp_path / 'run' / 'test', tiny_data)
    return tmp_path / 'run'


def test_a_test_has_no_curves_and_a_run_has(run):
    (box,) = draw_evaluation(run / 'test')
    assert box == run / 'test' / 'plots' / 'iou_box.png'
    assert draw_training(run / 'test') == []
    drawn = draw_training(run)
    assert drawn == [run / 'plots' / f'{name}.png' for name in ('training_curves', 'losses')]
    for path in (box, *drawn):
        assert np.ptp(cv2.imread(str(path))) > 200


def test_the_command_draws_the_same_images_without_torch_and_mmdet(run, root):
    folder = run / 'test'
    (folder / 'detections.json').unlink()
    (run / 'scalars.json').rename(folder / 'scalars.json')
    paths = [*draw_evaluation(folder), *draw_training(folder)]
    expected = [path.read_bytes() for path in paths]
    for path in paths:
        path.unlink()
    done = subprocess.run(
        [
            sys.executable,
            '-c',
            ALONE.format(folder=str(folder), tool=str(root / 'tools/report.py')),
        ],
        capture_output=True,
        text=True,
        cwd=run,
        env={'PYTHONPATH': str(root), 'PYTHONIOENCODING': 'utf-8'},
    )
    assert done.returncode == 0, done.stderr
    assert [line for line in done.stdout.splitlines() if line.startswith('plot: ')] == [
        f'plot: {path}' for path in paths
    ]
    assert [path.read_bytes() for path in paths] == expected
    assert (folder / 'report.html').is_file()
