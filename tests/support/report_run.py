"""A finished test for the tests of the HTML report: real masks, real scores, no model."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from pycocotools import mask as coco_mask

from isic_mmdet.evaluation.metrics_file import write_metrics
from isic_mmdet.evaluation.per_image import PER_IMAGE_COLUMNS, write_per_image
from isic_mmdet.evaluation.scores import confusion, jaccard, mask_scores
from isic_mmdet.evaluation.summary import summarize
from isic_mmdet.masks.bit_mask import BitMask
from isic_mmdet.report.figures import LOSSES
from isic_mmdet.utils.files import write_json

SCORES = (0.5, 0.99, 0.9, 0.97, 0.8, 0.7, 0.6, 0.95, 0.85, 0.75, 0.65)


def make_run(folder: Path, data_root: Path) -> list[dict[str, Any]]:
    """Write what a test on the training split of `data_root` leaves, and its training's log.

    Every image is predicted as its truth moved to the right, each a little further; the last
    one has no detection. Image 0 has a second detection of a lower score, the truth itself.

    Args:
        folder: of the test; the log goes into the folder above.
        data_root: prepared data set.

    Returns:
        The rows of `per_image.csv`.
    """
    content = json.loads((data_root / 'annotations' / 'train.json').read_text())
    rows, detections = [], []
    for place, (image, entry) in enumerate(
        zip(content['images'], content['annotations'], strict=True)
    ):
        code = entry['segmentation']
        truth = coco_mask.decode({**code, 'counts': code['counts'].encode()}).astype(bool)
        masks = [np.roll(truth, 2 * place, axis=1)] if place < len(SCORES) else []
        scores = list(SCORES[place : place + 1])
        if place == 0:
            masks, scores = [np.roll(truth, 30, axis=1), truth], [0.5, 0.4]
        for mask, score in zip(masks, scores, strict=True):
            found = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))
            segmentation = {**found, 'counts': found['counts'].decode()}
            detections.append(
                {'isic_id': image['isic_id'], 'score': score, 'segmentation': segmentation}
            )
        against = BitMask.of(truth)
        counts = [confusion(against, BitMask.of(mask)) for mask in masks or [np.zeros_like(truth)]]
        rows.append(
            {
                'image_id': image['isic_id'],
                **mask_scores(counts[0]),
                'iou_max': max(map(jaccard, counts)),
                'score': scores[0] if scores else None,
                'label': 'lesion',
                'predicted_label': 'lesion' if scores else None,
                'detections': len(scores),
                'height': truth.shape[0],
                'width': truth.shape[1],
            }
        )
    facts = {
        'metrics': summarize(rows, intervals=('iou',)),
        'images': len(rows),
        'config': 'tiny_config',
        'data': data_root.name,
        'split': 'train',
        'seed': 7,
        'checkpoint': 'best.pth',
        'command': 'python tools/test.py tiny_config.py best.pth',
        'training': {'weights': 'random', 'hardware': '1 CPU core', 'seconds': 90.0},
        'versions': {'python': '3.11', 'torch': '2.11'},
    }
    write_metrics(folder / 'metrics.json', facts)
    write_per_image(folder / 'per_image.csv', rows, PER_IMAGE_COLUMNS)
    write_json(folder / 'detections.json', detections)
    log = []
    for epoch in (1, 2, 3):
        for step in (10 * epoch - 5, 10 * epoch):
            log.append(
                {
                    'loss': 4 / step,
                    'loss_mask': 2 / step,
                    'epoch': epoch,
                    'iter': step,
                    'step': step,
                }
            )
        log.append({'val/loss': 5 / epoch, 'step': 10 * epoch})
        log.append({'lesion/iou': 0.5 + epoch / 10, 'step': epoch})
    (folder.parent / 'scalars.json').write_text('\n'.join(map(json.dumps, log)) + '\n')
    return rows


def losses(prefix: str, step: int, scale: float = 1.0) -> dict[str, Any]:
    """Return a record with different losses for each prefix, kind and step."""
    values = {f'{prefix}{key}': scale * (n + 1 / step) for n, key in enumerate(LOSSES, 1)}
    return {**values, 'step': step}


def training(step: int, scale: float = 1.0) -> dict[str, Any]:
    """Return a record of a training with epochs of 10 iterations."""
    return {**losses('', step, scale), 'epoch': (step - 1) // 10 + 1, 'iter': step, 'lr': 0.01}
