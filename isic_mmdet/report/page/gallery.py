"""The images of the gallery: their scores, facts, outlines and JPEGs."""

import base64
from collections.abc import Mapping, Sequence
from typing import Any

from isic_mmdet.evaluation.per_image import Row
from isic_mmdet.report.page.dataset import Record
from isic_mmdet.report.page.thumbnails import Thumbnail

_FACTS = ('diagnosis', 'predicted_label', 'age', 'sex')
_OUTLINES = ('frame', 'truth', 'prediction')


def image_rows(
    rows: Sequence[Row], records: Mapping[str, Record], thumbnails: Mapping[str, Thumbnail]
) -> list[dict[str, Any]]:
    """Return scores and facts of every image in one mapping, see `evaluation.groups.by_group`."""
    # A single class says nothing.
    has_classes = len({row['label'] for row in rows}) > 1
    found = []
    for row in rows:
        record, thumbnail = records.get(row['image_id']), thumbnails.get(row['image_id'])
        label, predicted = (row['label'], row['predicted_label']) if has_classes else (None, None)
        facts = {
            'diagnosis': _words(record.diagnosis if record and record.diagnosis else label),
            'predicted_label': _words(predicted),
            'age': record and record.age,
            'sex': record and record.sex,
            'lesion_share': thumbnail and thumbnail.lesion_share,
            'touches_border': thumbnail and thumbnail.touches_border,
        }
        found.append({**row, **facts})
    return found


def gallery(rows: Sequence[Row], thumbnails: Mapping[str, Thumbnail]) -> dict[str, Any] | None:
    """Return the content of the gallery, None without thumbnails.

    Args:
        rows: see `image_rows`.
        thumbnails: by image id.

    Returns:
        `records` for `gallery.js`, the base64 `jpegs` in the same order, and the `diagnoses`.
    """
    if not thumbnails:
        return None
    records = [
        {
            'id': row['image_id'],
            **{key: row[key] for key in ('iou', 'iou_max', 'score', *_FACTS)},
            'share': round(100 * row['lesion_share'], 2),
            'pixels': row['height'] * row['width'] / 1e6,
            'size': f'{row["width"]} × {row["height"]}',
            **{key: getattr(thumbnails[row['image_id']], key) for key in _OUTLINES},
        }
        for row in rows
    ]
    jpegs = [base64.b64encode(thumbnails[row['image_id']].jpeg).decode('ascii') for row in rows]
    diagnoses = sorted({record['diagnosis'] or 'unknown' for record in records})
    return {'records': records, 'jpegs': jpegs, 'diagnoses': diagnoses}


def _words(label: str | None) -> str | None:
    """Return a label such as `seborrheic_keratosis` in words."""
    return label and label.replace('_', ' ')
