"""The two files that an evaluation leaves: `metrics.json` and `per_image.csv`."""

import csv
import io
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from isic_mmdet.files import write_atomically

PER_IMAGE_COLUMNS = (
    'image_id',
    'iou',
    'iou_max',
    'dice',
    'pixel_accuracy',
    'sensitivity',
    'specificity',
    'score',
    'label',
    'predicted_label',
    'detections',
    'height',
    'width',
)


def write_metrics(path: Path, content: Mapping[str, Any]) -> None:
    """Write strict JSON atomically; NaN and infinities, which JSON lacks, become null."""
    text = json.dumps(_finite(content), indent=2, allow_nan=False, ensure_ascii=False)
    # Bytes of a path that are no text are told by the escapes that JSON has.
    write_atomically(path, (text + '\n').encode(errors='backslashreplace'))


def write_per_image(path: Path, rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> None:
    """Write one line an image atomically, floats in full precision, None as an empty cell."""
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, extrasaction='raise', lineterminator='\n')
    writer.writeheader()
    writer.writerows(rows)
    write_atomically(path, text.getvalue().encode())


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
