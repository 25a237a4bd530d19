"""Reading the files that a run leaves: scores per image and the log of the training."""

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isic_mmdet.errors import InputError

RULES = {'iou': 'highest-scoring detection', 'iou_max': 'best detection (oracle)'}


def read_per_image(path: str | Path) -> dict[str, NDArray[np.float64]]:
    """Return the columns `iou`, `iou_max` and `detections` of a `per_image.csv`, (N,) each.

    Raises:
        InputError: if the file is missing or empty, or a column is missing or not numeric.
    """
    names = (*RULES, 'detections')
    try:
        with Path(path).open(newline='', encoding='utf-8') as file:
            rows = list(csv.DictReader(file, restval=''))
    except OSError as error:
        raise InputError(f'{path}: cannot be read ({error.strerror}); run a test first') from error
    if not rows:
        raise InputError(f'{path}: has no rows; run tools/test.py again to write it')
    absent = [name for name in names if name not in rows[0]]
    if absent:
        raise InputError(
            f'{path}: lacks the column {", ".join(absent)}; is it the per_image.csv of a test?'
        )
    try:
        return {name: np.array([row[name] for row in rows], dtype=np.float64) for name in names}
    except ValueError as error:
        raise InputError(f'{path}: a score is not a number ({error}); write it again') from error


def summary(values: NDArray[np.float64]) -> dict[str, float]:
    """Return min, Q1, median, Q3, max (linear interpolation, as NumPy) and mean of (N,) values."""
    quantiles = np.quantile(values, (0, 0.25, 0.5, 0.75, 1))
    names = ('min', 'Q1', 'median', 'Q3', 'max', 'mean')
    return dict(zip(names, [*map(float, quantiles), float(values.mean())], strict=True))


def read_scalars(path: str | Path) -> list[dict[str, Any]]:
    """Return the records of a JSON-lines file of mmengine."""
    try:
        lines = Path(path).read_text(encoding='utf-8').splitlines()
    except OSError as error:
        raise InputError(f'{path}: cannot be read ({error.strerror}); train first') from error
    records = []
    for number, line in enumerate(lines, 1):
        try:
            records.append(json.loads(line))
        except json.JSONDecodeError as error:
            raise InputError(
                f'{path}, line {number}: not JSON ({error}); take the damaged line out'
            ) from error
    return records


def continued(records: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the records of one training out of those of its resumed or repeated parts.

    When the iteration falls back, everything logged from that iteration on is void, the
    validations in between too.
    """
    kept: list[dict[str, Any]] = []
    latest = 0
    for record in records:
        if 'loss' in record:
            if record['step'] <= latest:
                del kept[_first_from(kept, record['step']) :]
            latest = record['step']
        kept.append(record)
    return kept


def epoch_length(training: Sequence[Mapping[str, Any]]) -> float:
    """Return the iterations of an epoch, which the log does not tell directly.

    Every epoch logs its first record after the same number of iterations. Of a single epoch only
    the last logged iteration is known.
    """
    first_steps: dict[int, int] = {}
    for record in training:
        first_steps.setdefault(record['epoch'], record['step'])
    start, end = min(first_steps), max(first_steps)
    if start == end:
        return training[-1]['step'] / start
    return (first_steps[end] - first_steps[start]) / (end - start)


def _first_from(records: Sequence[Mapping[str, Any]], step: int) -> int:
    """Return the index of the first loss at or after an iteration."""
    return next(
        index for index, record in enumerate(records) if 'loss' in record and record['step'] >= step
    )
