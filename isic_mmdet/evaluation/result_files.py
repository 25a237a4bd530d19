"""The two files that an evaluation leaves: `metrics.json` and `per_image.csv`."""

import csv
import io
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from isic_mmdet.utils.files import write_atomically

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

_CLASS_SCORE = '_score'


def class_columns(classes: Sequence[str]) -> dict[str, str]:
    """Return the columns of `per_image.csv` that hold the score of each of several classes.

    Returns:
        Class name to column name, in the order of the classes; empty for a single class.
    """
    return {name: f'{name}{_CLASS_SCORE}' for name in classes} if len(classes) > 1 else {}


def classes_of(columns: Iterable[str]) -> tuple[str, ...]:
    """Return the classes whose scores a `per_image.csv` holds, in the order of its columns."""
    return tuple(name.removesuffix(_CLASS_SCORE) for name in columns if name.endswith(_CLASS_SCORE))


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
