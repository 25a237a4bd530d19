"""Fail when a short run left no finite loss, no mask with pixels, or no score.

python .ci/check_run.py WORK   # the folder that short_run.sh worked in
"""

import json
import math
import sys
from pathlib import Path

from pycocotools import mask as coco_mask


def check(work: Path) -> list[str]:
    """Return what is wrong with a run, one line each."""
    faults = []
    lines = (work / 'run' / 'scalars.json').read_text().splitlines()
    losses = [row['loss'] for row in map(json.loads, lines) if 'loss' in row]
    if not losses or not all(math.isfinite(loss) for loss in losses):
        faults.append(f'the training losses are not all finite: {losses}')

    detections = json.loads((work / 'test' / 'detections.json').read_text())
    areas = [int(coco_mask.area(found['segmentation'])) for found in detections]
    if not any(areas):
        faults.append(f'all {len(areas)} predicted masks are empty')

    test = json.loads((work / 'data' / 'annotations' / 'test.json').read_text())
    metrics_file = work / 'test' / 'metrics.json'
    if not metrics_file.is_file():
        faults.append('tools/test.py wrote no metrics.json')
    else:
        report = json.loads(metrics_file.read_text())
        iou = report['metrics']['lesion/iou']
        if report['images'] != len(test['images']):
            faults.append(f'{report["images"]} images scored, not {len(test["images"])}')
        if not 0 < iou <= 1:
            faults.append(f'lesion/iou is {iou}')
    return faults


if __name__ == '__main__':
    found_faults = check(Path(sys.argv[1]))
    for fault in found_faults:
        print(f'error: {fault}', file=sys.stderr)
    sys.exit(1 if found_faults else 0)
