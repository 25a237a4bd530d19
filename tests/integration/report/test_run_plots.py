"""The plots of a run, drawn again from its files alone."""

import json
import subprocess
import sys

import cv2
import numpy as np
import pytest

from isic_mmdet.errors import InputError
from isic_mmdet.report.run_plots import draw_evaluation, draw_training
from tests.support.report_run import make_run

# Whoever imports one of these gets an ImportError.
MODEL_PACKAGES = ('torch', 'torchvision', 'mmcv', 'mmdet', 'mmengine')
ALONE = """
import runpy, sys
for name in {packages}:
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
    assert draw_training(run) == [
        run / 'plots' / 'training_curves.png',
        run / 'plots' / 'losses.png',
    ]
    for path in (box, *draw_training(run)):
        assert np.ptp(cv2.imread(str(path))) > 200


def test_two_classes_have_a_confusion_matrix(run):
    path = run / 'test' / 'metrics.json'
    metrics = json.loads(path.read_text())
    metrics['confusion_matrix'] = {'classes': ['benign', 'melanoma'], 'counts': [[7, 1], [3, 1]]}
    path.write_text(json.dumps(metrics))
    drawn = draw_evaluation(run / 'test')
    assert [path.name for path in drawn] == ['iou_box.png', 'confusion_matrix.png']
    assert all(path.is_file() for path in drawn)


def test_damaged_log_is_refused(run):
    (run / 'scalars.json').write_text('{"loss": 1')
    with pytest.raises(InputError, match=r'scalars\.json, line 1'):
        draw_training(run)


def test_the_command_draws_them_where_no_model_could_be_built(run, root):
    """The same images come from `scalars.json`, `metrics.json` and `per_image.csv` alone."""
    folder = run / 'test'
    (folder / 'detections.json').unlink()
    (run / 'scalars.json').rename(folder / 'scalars.json')
    expected = {
        path: path.read_bytes() for path in (*draw_evaluation(folder), *draw_training(folder))
    }
    assert len(expected) == 3
    for path in expected:
        path.unlink()
    code = ALONE.format(
        packages=MODEL_PACKAGES, folder=str(folder), tool=str(root / 'tools' / 'report.py')
    )
    done = subprocess.run(
        [sys.executable, '-c', code],
        capture_output=True,
        text=True,
        cwd=run,
        env={'PYTHONPATH': str(root), 'PYTHONIOENCODING': 'utf-8'},
    )
    assert done.returncode == 0, done.stderr
    told = [line.removeprefix('plot: ') for line in done.stdout.splitlines() if 'plot: ' in line]
    assert told == [str(path) for path in expected]
    for path, content in expected.items():
        assert path.read_bytes() == content
    assert (folder / 'report.html').is_file()
