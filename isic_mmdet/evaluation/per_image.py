"""`per_image.csv`: one row of scores per image. Its writer, its reader, and what can be added."""

import csv
import io
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from isic_mmdet.errors import InputError
from isic_mmdet.images.formats import SUFFIXES, suffix
from isic_mmdet.isic.names import ISIC_ID
from isic_mmdet.utils.csv_file import read_csv, to_flag, to_number
from isic_mmdet.utils.files import write_atomically
from isic_mmdet.utils.schema import AGE, NAME, TEXT, Shape, read_checked_json

#: The values of one image by column: `PER_IMAGE_COLUMNS`, and the other columns where known.
#: It is no TypedDict because the score columns of the classes are named after the classes.
Row = Mapping[str, Any]

PER_IMAGE_COLUMNS = (
    *('image_id', 'iou', 'iou_max', 'dice', 'pixel_accuracy', 'sensitivity', 'specificity'),
    *('score', 'label', 'predicted_label', 'detections', 'height', 'width'),
)
UNCERTAINTY_COLUMNS = ('mask_confidence', 'expected_iou', 'check')
DISTANCE_COLUMNS = (
    *('hausdorff95_px', 'hausdorff95_diagonal'),
    *('surface_distance_px', 'surface_distance_diagonal'),
)
SHIFT_COLUMNS = ('outline_shift_px', 'outline_shift_diagonal', 'iou_shifted')
BOUNDARY_COLUMNS = DISTANCE_COLUMNS + SHIFT_COLUMNS
TRUTH_COLUMNS = ('lesion_share', 'touches_border')
LABEL_COLUMNS = ('diagnosis', 'sex', 'age')
APPEARANCE_COLUMNS = ('hair', 'skin_tone')

_CLASS_SCORE = '_score'
_SHARES = {'iou', 'iou_max', 'dice', 'pixel_accuracy', 'sensitivity', 'specificity', 'score'}
_IN_UNIT = _SHARES | {'iou_shifted', 'mask_confidence', 'expected_iou', 'hair'}
_COUNTS = {'detections', 'height', 'width'}
_FLAGS = {'touches_border', 'check'}
_NUMBERS = _IN_UNIT | _COUNTS | {*BOUNDARY_COLUMNS, 'lesion_share', 'age'}
_MAY_BE_EMPTY = {*BOUNDARY_COLUMNS, 'score', 'mask_confidence', 'expected_iou', 'age', 'hair'}
_ANNOTATIONS: Shape = {'images': [{'isic_id': NAME, 'diagnosis?': TEXT, 'sex?': TEXT, 'age?': AGE}]}
_KNOWN_COLUMNS = {
    *PER_IMAGE_COLUMNS,
    *UNCERTAINTY_COLUMNS,
    *BOUNDARY_COLUMNS,
    *TRUTH_COLUMNS,
    *LABEL_COLUMNS,
    *APPEARANCE_COLUMNS,
    'image',
}


def class_columns(classes: Sequence[str]) -> dict[str, str]:
    """Return the score column of each class by class name, in order; empty for a single class."""
    return {name: f'{name}{_CLASS_SCORE}' for name in classes} if len(classes) > 1 else {}


def classes_of(columns: Iterable[str]) -> tuple[str, ...]:
    """Return the classes whose scores a `per_image.csv` holds, in the order of its columns."""
    return tuple(name.removesuffix(_CLASS_SCORE) for name in columns if name.endswith(_CLASS_SCORE))


def write_per_image(path: Path, rows: Iterable[Row], columns: Sequence[str]) -> None:
    """Write one line per image atomically, floats in full precision, None as an empty cell."""
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, extrasaction='raise', lineterminator='\n')
    writer.writeheader()
    writer.writerows(rows)
    write_atomically(path, text.getvalue().encode())


def read_per_image(
    path: Path, columns: Collection[str] = PER_IMAGE_COLUMNS
) -> list[dict[str, Any]]:
    """Read a `per_image.csv` of `tools/test.py` or `tools/score.py`, sorted by image id.

    Args:
        path: of the table.
        columns: that it must have, among them `image_id`.

    Raises:
        InputError: the file is missing, is no such table, or holds an image twice or an invalid
            value; lists all errors.
    """
    rows, errors = {}, []
    for number, cells in _read_rows(path, columns):
        row, wrong = _parse_cells(cells)
        wrong += _label_errors(row)
        if row['image_id'] is None:
            wrong.append('image_id is empty')
        if row['image_id'] in rows:
            wrong.append(f'{row["image_id"]} is there twice')
        errors += [f'line {number}: {error}' for error in wrong]
        rows[row['image_id']] = row
    if errors:
        raise InputError(f'{path}: damaged; write it again', errors)
    return [rows[image_id] for image_id in sorted(rows)]


def read_scores(path: Path) -> dict[str, Row]:
    """Read the `score` of detections by image id, None where nothing was detected.

    The id is the ISIC id in the name of the image. If no name has one, it is the path of the image
    without its ending.

    The table has the columns `score` and `image` (`predictions.csv` of `tools/predict.py`) or
    `image_id` (`per_image.csv`). Its columns `UNCERTAINTY_COLUMNS` are also read.

    Raises:
        InputError: the file is missing, lacks a column, names an image twice, some without an
            ISIC id and others with one, or a value is not in [0, 1]; lists all errors.
    """
    scores: dict[str, Row] = {}
    errors = []
    rows = _read_rows(path, {'score'})
    names = [cells.get('image') or cells.get('image_id') or '' for _, cells in rows]
    is_official = any(re.search(ISIC_ID, Path(name).name) for name in names)
    for (number, cells), name in zip(rows, names, strict=True):
        image_id = _image_id(name, is_official)
        if not image_id:
            kind = 'ISIC id' if is_official else 'name'
            errors.append(f'line {number}: no {kind} in image {name!r}')
            continue
        if image_id in scores:
            errors.append(f'line {number}: {image_id} is there twice')
        names = [name for name in ('score', *UNCERTAINTY_COLUMNS) if name in cells]
        row, wrong = _parse_cells({name: cells[name] for name in names})
        errors += [f'line {number}: {error}' for error in wrong]
        scores[image_id] = row
    if errors:
        raise InputError(f'{path}: cannot be matched to masks; write it again', errors)
    return scores


def _image_id(name: str, is_official: bool) -> str:
    if is_official:
        found = re.search(ISIC_ID, Path(name).name)
        return found[0] if found else ''
    return str(Path(name).with_suffix('')) if suffix(name) in SUFFIXES else name


def read_labels(path: Path) -> dict[str, Row]:
    """Read diagnosis, sex and age by ISIC id from an annotation file of `tools/prepare_isic.py`.

    Raises:
        InputError: the file is missing, is no such file, or holds an image twice.
    """
    remedy = 'give an annotation file of tools/prepare_isic.py'
    images = read_checked_json(path, _ANNOTATIONS, remedy)['images']
    counts = Counter(image['isic_id'] for image in images)
    errors = [f'{name} is there {count} times' for name, count in counts.items() if count > 1]
    if errors:
        raise InputError(f'{path}: damaged; prepare the data again', errors)
    return {
        image['isic_id']: {key: image[key] for key in LABEL_COLUMNS if image.get(key) is not None}
        for image in images
    }


def _read_rows(path: Path, columns: Collection[str]) -> tuple[tuple[int, dict[str, str]], ...]:
    """Return line number and cells of each row of a table that must have some columns."""
    table = read_csv(path, _KNOWN_COLUMNS, 'run tools/test.py or tools/score.py first')
    if not set(BOUNDARY_COLUMNS).isdisjoint(table.header.columns):
        # A table with only some of them would be scored without its boundary metrics.
        columns = {*columns, *BOUNDARY_COLUMNS}
    absent = sorted({*columns} - {*table.header.columns})
    if absent and table.header.columns:
        raise InputError(
            f'{path}: lacks the columns {", ".join(absent)}; it has {table.header}; write it again'
        )
    if not table.rows:
        raise InputError(f'{path}: has no rows; write it again')
    return table.rows


def _parse_cells(cells: Mapping[str, str]) -> tuple[dict[str, Any], list[str]]:
    """Return the values of a row, and one error per invalid value."""
    row: dict[str, Any] = {}
    errors = []
    for name, text in cells.items():
        if name in _FLAGS:
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


def _label_errors(row: Row) -> list[str]:
    classes = classes_of(row)
    return [
        f'{name} is {row[name]!r}, none of the classes {list(classes)}'
        for name in ('label', 'predicted_label')
        if len(classes) > 1 and row[name] is not None and row[name] not in classes
    ]
