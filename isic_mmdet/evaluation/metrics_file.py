"""`metrics.json`: the scores of an evaluation and where they come from, its writer and reader."""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from isic_mmdet.errors import InputError
from isic_mmdet.utils.files import write_atomically
from isic_mmdet.utils.schema import COUNT, FLAG, NUMBER, TEXT, Shape, read_checked_json

_TEXTS = ('config', 'data', 'split', 'checkpoint', 'checkpoint_sha256', 'command', 'date')
_SHAPE: Shape = {
    'metrics': {'*?': NUMBER},
    **{f'{key}?': TEXT for key in _TEXTS},
    'training?': {'seconds?': NUMBER},
    'versions?': {},
    'tta?': FLAG,
    'confusion_matrix?': {
        'classes': [TEXT],
        'counts': [[COUNT]],
        'no_detection?': [COUNT],
        'positive?': TEXT,
    },
}


def write_metrics(path: Path, content: Mapping[str, Any]) -> None:
    """Write strict JSON atomically; NaN and infinities, which JSON lacks, become null."""
    text = json.dumps(_finite(content), indent=2, allow_nan=False, ensure_ascii=False)
    # Bytes of a path that are not text become the escapes of JSON.
    write_atomically(path, (text + '\n').encode(errors='backslashreplace'))


def read_reports(paths: Sequence[str | Path]) -> list[dict[str, Any]]:
    """Return the contents of `metrics.json` files; raises `InputError` with all their errors."""
    reports, errors = [], []
    for path in map(Path, paths):
        try:
            report = read_checked_json(path, _SHAPE, 'write it again with tools/test.py')
        except InputError as error:
            errors.append(str(error))
            continue
        reports.append(report)
        matrix = report.get('confusion_matrix')
        if matrix and not _is_square(matrix):
            errors.append(f'{path}: classes and counts of confusion_matrix do not fit together')
    if errors:
        raise InputError('give metrics.json files as tools/test.py writes them:', errors)
    return reports


def _is_square(matrix: Mapping[str, Any]) -> bool:
    classes, counts = matrix['classes'], matrix['counts']
    rows = [*counts, matrix.get('no_detection') or [0] * len(classes)]
    return (
        1 < len(classes) == len(set(classes)) == len(counts)
        and all(len(row) == len(classes) for row in rows)
        and matrix.get('positive') in (None, *classes)
    )


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
