"""The check that CI ends with finds each of the errors that it is there for."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
from pycocotools import mask as coco_mask


@pytest.fixture
def check(root):
    spec = importlib.util.spec_from_file_location('check_run', root / '.ci' / 'check_run.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.check


def detection(pixels: int) -> dict:
    mask = np.zeros((8, 8), np.uint8, order='F')
    mask.flat[:pixels] = 1
    code = coco_mask.encode(mask)
    return {'segmentation': {'size': code['size'], 'counts': code['counts'].decode()}}


@pytest.fixture
def work(tmp_path) -> Path:
    """What a sound short run leaves."""
    for folder in ('run', 'test', 'data/annotations'):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / 'run/scalars.json').write_text('{"loss": 1.5}\n{"lesion/iou": 0.5}\n')
    (tmp_path / 'test/detections.json').write_text(json.dumps([detection(0), detection(9)]))
    (tmp_path / 'data/annotations/test.json').write_text('{"images": [{}, {}]}')
    report = {'images': 2, 'metrics': {'lesion/iou': 0.5}}
    (tmp_path / 'test/metrics.json').write_text(json.dumps(report))
    return tmp_path


def test_a_sound_run_passes(check, work):
    assert check(work) == []


def test_a_loss_that_is_not_finite_fails(check, work):
    (work / 'run/scalars.json').write_text('{"loss": 1.5}\n{"loss": NaN}\n')
    assert 'not all finite' in check(work)[0]


def test_no_loss_at_all_fails(check, work):
    (work / 'run/scalars.json').write_text('{"lesion/iou": 0.5}\n')
    assert 'not all finite' in check(work)[0]


def test_empty_masks_fail(check, work):
    (work / 'test/detections.json').write_text(json.dumps([detection(0)]))
    assert 'empty' in check(work)[0]


def test_a_missing_metrics_file_fails(check, work):
    (work / 'test/metrics.json').unlink()
    assert 'no metrics.json' in check(work)[0]


def test_images_that_were_not_scored_fail(check, work):
    report = {'images': 1, 'metrics': {'lesion/iou': 0.0}}
    (work / 'test/metrics.json').write_text(json.dumps(report))
    assert len(check(work)) == 2
