"""The images of the gallery: their scores, facts, outlines and JPEGs."""

import base64
from collections.abc import Mapping, Sequence
from typing import Any

from isic_mmdet.evaluation.per_image import Row
from isic_mmdet.report.page.dataset import Record
from isic_mmdet.report.page.thumbnails import Thumbnail

_SHOWN = (
    *('iou', 'iou_max', 'score', 'expected_iou', 'check'),
    *('diagnosis', 'predicted_label', 'age', 'sex'),
)


def image_facts(
    rows: Sequence[Row], records: Mapping[str, Record], thumbnails: Mapping[str, Thumbnail]
) -> list[dict[str, Any]]:
    """Return scores and facts of every image in one mapping, see `evaluation.groups.by_group`."""
    has_classes = len({row['label'] for row in rows}) > 1
    facts = []
    for row in rows:
        record, thumbnail = records.get(row['image_id']), thumbnails.get(row['image_id'])
        known = {key: getattr(record, key, None) for key in ('diagnosis', 'age', 'sex')}
        known |= {key: getattr(thumbnail, key, None) for key in ('lesion_share', 'touches_border')}
        label, predicted = (row['label'], row['predicted_label']) if has_classes else (None, None)
        known['diagnosis'] = _words(known['diagnosis'] or label)
        known['predicted_label'] = _words(predicted)
        facts.append({**row, **known})
    return facts


def gallery(
    facts: Sequence[Mapping[str, Any]], thumbnails: Mapping[str, Thumbnail]
) -> dict[str, Any] | None:
    """Return `records` for `gallery.js`, base64 `jpegs` in the same order, and the `diagnoses`.

    Args:
        facts: see `image_facts`.
        thumbnails: by image id; without any there is no gallery.
    """
    if not thumbnails:
        return None
    records, jpegs = [], []
    for row in facts:
        thumbnail = thumbnails[row['image_id']]
        records.append(
            {
                'id': row['image_id'],
                **{key: row.get(key) for key in _SHOWN},
                'share': round(100 * row['lesion_share'], 2),
                'pixels': row['height'] * row['width'] / 1e6,
                'size': f'{row["width"]} × {row["height"]}',
                **{key: getattr(thumbnail, key) for key in ('frame', 'truth', 'prediction')},
            }
        )
        jpegs.append(base64.b64encode(thumbnail.jpeg).decode('ascii'))
    diagnoses = sorted({record['diagnosis'] or 'unknown' for record in records})
    return {'records': records, 'jpegs': jpegs, 'diagnoses': diagnoses}


def _words(label: str | None) -> str | None:
    """Return a label such as `seborrheic_keratosis` in words."""
    return label and label.replace('_', ' ')
