"""`metrics.json`: the scores of an evaluation and where they come from, its writer and reader."""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from isic_mmdet.errors import InputError
from isic_mmdet.utils.files import read_json, write_atomically

_TEXTS = ('config', 'data', 'split', 'checkpoint', 'checkpoint_sha256', 'command', 'date')
_RECORDS = ('training', 'versions')


def write_metrics(path: Path, content: Mapping[str, Any]) -> None:
    """Write strict JSON atomically; NaN and infinities, which JSON lacks, become null."""
    text = json.dumps(_finite(content), indent=2, allow_nan=False, ensure_ascii=False)
    # Bytes of a path that are not text become the escapes of JSON.
    write_atomically(path, (text + '\n').encode(errors='backslashreplace'))


def read_reports(paths: Sequence[str | Path]) -> list[dict[str, Any]]:
    """Return the contents of `metrics.json` files.

    Raises:
        InputError: one line for every file that is missing or of another kind.
    """
    reports, errors = [], []
    for path in paths:
        try:
            report = read_json(Path(path), 'write it again with tools/test.py')
        except InputError as error:
            errors.append(str(error))
            continue
        wrong = _errors(report)
        errors += [f'{path}: {error}' for error in wrong]
        if not wrong:
            reports.append(report)
    if errors:
        raise InputError('give metrics.json files as tools/test.py writes them:', errors)
    return reports


def _errors(report: Any) -> list[str]:
    """Return what is wrong with the values of a `metrics.json`; unknown entries are ignored."""
    if not isinstance(report, dict) or not isinstance(report.get('metrics'), dict):
        return ['has no "metrics"']
    training = report.get('training')
    seconds = training.get('seconds') if isinstance(training, dict) else None
    matrix = report.get('confusion_matrix')
    tta = report.get('tta')
    checks = [
        *((name, value, _is_number(value), 'number') for name, value in report['metrics'].items()),
        *((key, report.get(key), isinstance(report.get(key) or {}, dict), 'record')
          for key in _RECORDS),
        *((key, report.get(key), isinstance(report.get(key) or '', str), 'text') for key in _TEXTS),
        ('training seconds', seconds, _is_number(seconds), 'number'),
        ('tta', tta, tta is None or isinstance(tta, bool), 'true or false'),
        ('confusion_matrix', matrix, matrix is None or _is_matrix(matrix), 'confusion matrix'),
    ]  # fmt: skip
    return [
        f'{name} is not a {kind}: {value!r:.60}' for name, value, fits, kind in checks if not fits
    ]


def _is_number(value: Any) -> bool:
    return value is None or type(value) in (int, float)


def _is_matrix(matrix: Any) -> bool:
    if not isinstance(matrix, dict):
        return False
    classes, counts = matrix.get('classes'), matrix.get('counts')
    if not isinstance(classes, list) or not isinstance(counts, list) or len(classes) < 2:
        return False
    positive = matrix.get('positive')
    rows = [*counts, matrix.get('no_detection', [0] * len(classes))]
    return (
        all(isinstance(name, str) for name in classes)
        and len(set(classes)) == len(classes) == len(counts)
        and all(isinstance(row, list) and len(row) == len(classes) for row in rows)
        and all(type(count) is int and 0 <= count < 2**53 for row in rows for count in row)
        and (positive is None or positive in classes)
    )


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
