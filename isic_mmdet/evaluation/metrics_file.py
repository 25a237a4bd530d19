"""`metrics.json`: the scores of an evaluation and where they come from, its writer and reader."""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from isic_mmdet.errors import InputError
from isic_mmdet.utils.files import write_atomically


def write_metrics(path: Path, content: Mapping[str, Any]) -> None:
    """Write strict JSON atomically; NaN and infinities, which JSON lacks, become null."""
    text = json.dumps(_finite(content), indent=2, allow_nan=False, ensure_ascii=False)
    # Bytes of a path that are no text are told by the escapes that JSON has.
    write_atomically(path, (text + '\n').encode(errors='backslashreplace'))


def read_reports(paths: Sequence[str | Path]) -> list[dict[str, Any]]:
    """Return the contents of `metrics.json` files.

    Raises:
        InputError: with one line for every file that is missing or something else.
    """
    reports, faults = [], []
    for path in paths:
        try:
            report = json.loads(Path(path).read_text(encoding='utf-8'))
        except OSError as error:
            faults.append(f'{path}: cannot be read ({error.strerror})')
        except (ValueError, RecursionError) as error:
            faults.append(f'{path}: not JSON ({error})')
        else:
            found = _faults(report)
            faults += [f'{path}: {fault}' for fault in found]
            if not found:
                reports.append(report)
    if faults:
        raise InputError('give metrics.json files as tools/test.py writes them:', faults)
    return reports


def _faults(report: Any) -> list[str]:
    """Return which parts of a `metrics.json` are of another kind than they have to be."""
    if not isinstance(report, dict) or not isinstance(report.get('metrics'), dict):
        return ['has no "metrics"']
    faults = [
        f'{name} is no number: {value!r:.60}'
        for name, value in report['metrics'].items()
        if value is not None and type(value) not in (int, float)
    ]
    for name in ('training', 'versions'):
        if not isinstance(report.get(name) or {}, dict):
            faults.append(f'"{name}" is no record')
    training = report.get('training')
    seconds = training.get('seconds') if isinstance(training, dict) else None
    if seconds is not None and type(seconds) not in (int, float):
        faults.append(f'the seconds of the training are no number: {seconds!r:.60}')
    texts = ('config', 'data', 'split', 'checkpoint', 'checkpoint_sha256', 'command', 'date')
    for name in texts:
        if not isinstance(report.get(name) or '', str):
            faults.append(f'"{name}" is no text: {report[name]!r:.60}')
    if not isinstance(report.get('tta') or False, bool):
        faults.append(f'"tta" is not true or false: {report["tta"]!r:.60}')
    matrix = report.get('confusion_matrix')
    if matrix is not None and not _is_matrix(matrix):
        faults.append(f'the confusion matrix is none: {matrix!r:.60}')
    return faults


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
