"""The two files that an evaluation leaves: `metrics.json` and `per_image.csv`."""

import csv
import io
import json
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

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
    _write_atomically(path, text + '\n')


def write_per_image(path: Path, rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> None:
    """Write one line an image atomically, floats in full precision, None as an empty cell."""
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, extrasaction='raise', lineterminator='\n')
    writer.writeheader()
    writer.writerows(rows)
    _write_atomically(path, text.getvalue())


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _write_atomically(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f'.{path.name}.{os.getpid()}.part')
    try:
        part.write_text(text, encoding='utf-8')
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
