"""Hostile files on their way into a report."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import isic_mmdet.register  # noqa: F401 - before mmdet's own
from isic_mmdet.errors import InputError
from isic_mmdet.report.page.page import write_report
from tests.e2e.fuzz.fuzz_judge import Scene, check, check_message, watched
from tests.e2e.fuzz.fuzz_prepared import annotations, prepared_copy
from tests.e2e.fuzz.fuzz_score import SCORES


def _finished_test(scene: Scene, data: Path) -> Path:
    """Write what a test on a prepared data set leaves."""
    folder = scene.folder / 'test'
    folder.mkdir()
    iou = [0.5, 0.25, 0.0]
    facts = {'metrics': {'lesion/iou': float(np.mean(iou[:2]))}, 'data': 'tiny', 'split': 'train'}
    (folder / 'metrics.json').write_text(json.dumps(facts))
    (folder / 'per_image.csv').write_text('\n'.join(SCORES.splitlines()[:3]) + '\n')
    coco = annotations(data)
    detections = [
        {
            'isic_id': image['isic_id'],
            'score': score,
            'segmentation': coco['annotations'][image['id'] - 1]['segmentation'],
        }
        for image, score in zip(coco['images'], (0.99, 0.5), strict=True)
    ]
    (folder / 'detections.json').write_text(json.dumps(detections))
    return folder


def _report(folder: Path, data: Path | None, *names: str) -> str:
    out = folder.parent / 'out' / 'report.html'
    try:
        watched(write_report, folder, out, data, None, False)
    except InputError as error:
        check_message(str(error), *names)
        check(not out.exists(), 'a refused file has a report')
        return 'refused'
    page = out.read_text(encoding='utf-8')
    check(page.rstrip().endswith('</html>'), 'half of a page')
    if b'nan' not in (folder / 'per_image.csv').read_bytes().lower():
        check('nan' not in re.findall('>([^<]*)<', page.lower()), 'NaN on the page')
    return 'right'


def report_table(scene: Scene, make: Callable[[str], bytes]) -> str:
    """Draw a report from a table of scores per image."""
    folder = _finished_test(scene, prepared_copy(scene))
    text = (folder / 'per_image.csv').read_text()
    (folder / 'per_image.csv').write_bytes(make(text))
    return _report(folder, None, 'per_image.csv')


def report_annotations(scene: Scene, make: Callable[[dict[str, Any]], bytes]) -> str:
    """Draw a report with images from an annotation file."""
    data = prepared_copy(scene)
    folder = _finished_test(scene, data)
    path = data / 'annotations' / 'train.json'
    path.write_bytes(make(annotations(data)))
    return _report(folder, data, 'train.json', str(data))
