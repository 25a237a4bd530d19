"""`per_image.csv`: one row of scores per image, its writer and its reader."""

import csv
import io
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from isic_mmdet.errors import InputError
from isic_mmdet.utils.csv_file import read_csv, to_flag, to_number
from isic_mmdet.utils.files import write_atomically

#: One image: `PER_IMAGE_COLUMNS`, and further columns where they are known.
Row = dict[str, Any]

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
DISTANCE_COLUMNS = (
    'hausdorff95_px',
    'hausdorff95_diagonal',
    'surface_distance_px',
    'surface_distance_diagonal',
)
SHIFT_COLUMNS = ('outline_shift_px', 'outline_shift_diagonal', 'iou_shifted')
BOUNDARY_COLUMNS = DISTANCE_COLUMNS + SHIFT_COLUMNS
TRUTH_COLUMNS = ('lesion_share', 'touches_border')
LABEL_COLUMNS = ('diagnosis', 'sex', 'age')

_CLASS_SCORE = '_score'
_SHARES = {'iou', 'iou_max', 'dice', 'pixel_accuracy', 'sensitivity', 'specificity', 'score'}
_IN_UNIT = _SHARES | {'iou_shifted'}
_COUNTS = {'detections', 'height', 'width'}
_NUMBERS = _SHARES | _COUNTS | {*BOUNDARY_COLUMNS, 'lesion_share', 'age'}
_MAY_BE_EMPTY = {*BOUNDARY_COLUMNS, 'score', 'age'}
_KNOWN_COLUMNS = {*PER_IMAGE_COLUMNS, *BOUNDARY_COLUMNS, *TRUTH_COLUMNS, *LABEL_COLUMNS, 'image'}


def class_columns(classes: Sequence[str]) -> dict[str, str]:
    """Return the columns of `per_image.csv` that hold the score of each of several classes.

    Returns:
        Class name to column name, in the order of the classes; empty for a single class.
    """
    return {name: f'{name}{_CLASS_SCORE}' for name in classes} if len(classes) > 1 else {}


def classes_of(columns: Iterable[str]) -> tuple[str, ...]:
    """Return the classes whose scores a `per_image.csv` holds, in the order of its columns."""
    return tuple(name.removesuffix(_CLASS_SCORE) for name in columns if name.endswith(_CLASS_SCORE))


def write_per_image(path: Path, rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> None:
    """Write one line an image atomically, floats in full precision, None as an empty cell."""
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, extrasaction='raise', lineterminator='\n')
    writer.writeheader()
    writer.writerows(rows)
    write_atomically(path, text.getvalue().encode())


def read_per_image(path: Path) -> list[Row]:
    """Read a `per_image.csv` of `tools/test.py` or of `tools/score.py`, sorted by image id.

    Returns:
        One row an image: numbers, `touches_border` as bool, else text; None where empty.

    Raises:
        InputError: the file is missing, no such table, or holds an image twice or a value that
            makes no sense; lists all faults.
    """
    rows, faults = {}, []
    for number, cells in read_rows(path, {*PER_IMAGE_COLUMNS}):
        row, wrong = parse_cells(cells)
        wrong += _label_faults(row)
        if row['image_id'] is None:
            wrong.append('image_id is empty')
        if row['image_id'] in rows:
            wrong.append(f'{row["image_id"]} is there twice')
        faults += [f'line {number}: {fault}' for fault in wrong]
        rows[row['image_id']] = row
    if faults:
        raise InputError(f'{path}: some values cannot be right; write it again', faults)
    if not rows:
        raise InputError(f'{path}: has no rows; write it again')
    return [rows[image_id] for image_id in sorted(rows)]


def read_rows(path: Path, columns: Collection[str]) -> tuple[tuple[int, dict[str, str]], ...]:
    """Return line number and cells of each row of a table with some columns."""
    table = read_csv(path, _KNOWN_COLUMNS, 'run tools/test.py or tools/score.py first')
    if not set(BOUNDARY_COLUMNS).isdisjoint(table.header.columns):
        # All of them or none: those of a part would be left out of the means unsaid.
        columns = {*columns, *BOUNDARY_COLUMNS}
    absent = sorted({*columns} - {*table.header.columns})
    if absent:
        raise InputError(
            f'{path}: lacks the columns {", ".join(absent)}; it has {table.header}; write it again'
        )
    return table.rows


def parse_cells(cells: Mapping[str, str]) -> tuple[Row, list[str]]:
    """Return the values of a row, and an error for each value that makes no sense."""
    row: Row = {}
    errors = []
    for name, text in cells.items():
        if name == 'touches_border':
            row[name] = to_flag(text)
            is_wrong = bool(text) and row[name] is None
        elif name in _NUMBERS or classes_of([name]):
            row[name], is_valid = _number(name, to_number(text))
            is_wrong = not is_valid and (bool(text) or name not in _MAY_BE_EMPTY)
        else:
            row[name], is_wrong = text or None, False
        if is_wrong:
            errors.append(f'{name} is {text!r}')
    return row, errors


def _number(name: str, value: float | None) -> tuple[float | None, bool]:
    """Return the value of a numeric column, and whether it is valid."""
    if value is None:
        return None, False
    if name in _COUNTS:
        least = 0 if name == 'detections' else 1
        is_count = value.is_integer() and least <= value < 2**31
        return (int(value) if is_count else value), is_count
    return value, 0 <= value <= 1 or not (name in _IN_UNIT or classes_of([name]))


def _label_faults(row: Row) -> list[str]:
    """Return which labels are none of the classes whose scores the row holds."""
    classes = classes_of(row)
    return [
        f'{name} is {row[name]!r}, none of the classes {list(classes)}'
        for name in ('label', 'predicted_label')
        if len(classes) > 1 and row[name] is not None and row[name] not in classes
    ]
