"""Fail if a short run has no finite loss, only empty masks, or no score.

python .ci/check_run.py WORK   # the folder of short_run.sh
"""

import json
import math
import sys
from pathlib import Path

from pycocotools import mask as coco_mask


def check(work: Path) -> list[str]:
    """Return the errors of a run, one line each."""
    errors = []
    lines = (work / 'run' / 'scalars.json').read_text().splitlines()
    losses = [row['loss'] for row in map(json.loads, lines) if 'loss' in row]
    if not losses or not all(math.isfinite(loss) for loss in losses):
        errors.append(f'the training losses are not all finite: {losses}')

    detections = json.loads((work / 'test' / 'detections.json').read_text())
    areas = [int(coco_mask.area(found['segmentation'])) for found in detections]
    if not any(areas):
        errors.append(f'all {len(areas)} predicted masks are empty')

    test = json.loads((work / 'data' / 'annotations' / 'test.json').read_text())
    metrics_file = work / 'test' / 'metrics.json'
    if not metrics_file.is_file():
        errors.append('tools/test.py wrote no metrics.json')
    else:
        report = json.loads(metrics_file.read_text())
        iou = report['metrics']['lesion/iou']
        if report['images'] != len(test['images']):
            errors.append(f'{report["images"]} images scored, not {len(test["images"])}')
        if not 0 < iou <= 1:
            errors.append(f'lesion/iou is {iou}')
    return errors


if __name__ == '__main__':
    found_errors = check(Path(sys.argv[1]))
    for error in found_errors:
        print(f'error: {error}', file=sys.stderr)
    sys.exit(1 if found_errors else 0)
