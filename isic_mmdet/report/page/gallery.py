"""The images of the gallery: their scores, facts, outlines and JPEGs."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from isic_mmdet.report.page.dataset import Record
from isic_mmdet.report.page.evaluation import Evaluation
from isic_mmdet.report.page.thumbnails import Thumbnail

SORT_ORDERS = {
    'iou': 'IoU, lowest first',
    '-iou': 'IoU, highest first',
    'score': 'score, lowest first',
    '-score': 'score, highest first',
    'share': 'lesion, smallest share first',
    '-share': 'lesion, largest share first',
    'pixels': 'image, smallest first',
    '-pixels': 'image, largest first',
    'diagnosis': 'diagnosis',
    'id': 'name',
}


@dataclass(frozen=True)
class NumberFilter:
    """A filter of the gallery by a number: field of the records, its name, maximum and step."""

    field: str
    name: str
    highest: float | None
    step: float | str


FILTERS = (
    NumberFilter('iou', 'IoU', 1, 0.01),
    NumberFilter('score', 'score', 1, 0.01),
    NumberFilter('share', 'lesion, % of the image', 100, 1),
    NumberFilter('pixels', 'image, megapixels', None, 'any'),
)


def image_rows(
    evaluation: Evaluation, records: Mapping[str, Record], thumbnails: Mapping[str, Thumbnail]
) -> list[dict[str, Any]]:
    """Return scores and facts of every image in one mapping, see `evaluation.groups.by_group`."""
    # A single class says nothing.
    has_classes = len({image.label for image in evaluation.images}) > 1
    rows = []
    for image in evaluation.images:
        record, thumbnail = records.get(image.image_id), thumbnails.get(image.image_id)
        label = image.label if has_classes else None
        rows.append(
            {
                **image.scores,
                'image_id': image.image_id,
                'score': image.score,
                'detections': image.detections,
                'height': image.height,
                'width': image.width,
                'diagnosis': _words(record.diagnosis if record and record.diagnosis else label),
                'predicted_label': _words(image.predicted_label if has_classes else None),
                'age': record.age if record else None,
                'sex': record.sex if record else None,
                'lesion_share': thumbnail.lesion_share if thumbnail else None,
                'touches_border': thumbnail.touches_border if thumbnail else None,
            }
        )
    return rows


def gallery(
    rows: list[dict[str, Any]], thumbnails: Mapping[str, Thumbnail]
) -> dict[str, Any] | None:
    """Return the content of the gallery, None without thumbnails.

    Args:
        rows: see `image_rows`.
        thumbnails: by image id.

    Returns:
        `records` for `gallery.js`, the base64 `jpegs` in the same order, and the `diagnoses`.
    """
    if not thumbnails:
        return None
    records, jpegs = [], []
    for row in rows:
        thumbnail = thumbnails[row['image_id']]
        records.append(
            {
                'id': row['image_id'],
                'iou': row['iou'],
                'iouMax': row['iou_max'],
                'score': row['score'],
                'share': round(100 * row['lesion_share'], 2),
                'pixels': row['height'] * row['width'] / 1e6,
                'size': f'{row["width"]} × {row["height"]}',
                'diagnosis': row['diagnosis'],
                'predicted': row['predicted_label'],
                'age': row['age'],
                'sex': row['sex'],
                'frame': thumbnail.frame,
                'truth': thumbnail.truth,
                'prediction': thumbnail.prediction,
            }
        )
        jpegs.append(base64.b64encode(thumbnail.jpeg).decode('ascii'))
    diagnoses = sorted({record['diagnosis'] or 'unknown' for record in records})
    return {'records': records, 'jpegs': jpegs, 'diagnoses': diagnoses}


def _words(label: str | None) -> str | None:
    """Return a label such as `seborrheic_keratosis` in words."""
    return None if label is None else label.replace('_', ' ')
