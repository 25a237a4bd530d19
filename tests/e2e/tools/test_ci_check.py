"""The check that CI ends with finds each of the errors that it is there for."""

import json
import runpy

import numpy as np
import pytest
from pycocotools import mask as coco_mask


def detection(pixels: int) -> dict:
    mask = np.zeros((8, 8), np.uint8, order='F')
    mask.flat[:pixels] = 1
    code = coco_mask.encode(mask)
    return {'segmentation': {'size': code['size'], 'counts': code['counts'].decode()}}


@pytest.mark.parametrize(
    ('file', 'content', 'errors'),
    [
        ('data/annotations/test.json', '{"images": [{}, {}]}', []),
        ('run/scalars.json', '{"loss": 1.5}\n{"loss": NaN}\n', ['not all finite']),
        ('run/scalars.json', '{"lesion/iou": 0.5}\n', ['not all finite']),
        ('test/detections.json', json.dumps([detection(0)]), ['empty']),
        ('test/metrics.json', None, ['no metrics.json']),
        (
            'test/metrics.json',
            '{"images": 1, "metrics": {"lesion/iou": 0.0}}',
            ['1 images scored, not 2', 'lesion/iou is 0.0'],
        ),
    ],
)
def test_each_error_of_a_short_run_is_found(root, tmp_path, file, content, errors):
    files = {
        'run/scalars.json': '{"loss": 1.5}\n{"lesion/iou": 0.5}\n',
        'test/detections.json': json.dumps([detection(0), detection(9)]),
        'test/metrics.json': '{"images": 2, "metrics": {"lesion/iou": 0.5}}',
        'data/annotations/test.json': '{"images": [{}, {}]}',
    }
    for name, text in (files | {file: content}).items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        if text is not None:
            (tmp_path / name).write_text(text)
    found = runpy.run_path(str(root / '.ci/check_run.py'))['check'](tmp_path)
    assert len(found) == len(errors)
    assert all(error in line for error, line in zip(errors, found, strict=True))
