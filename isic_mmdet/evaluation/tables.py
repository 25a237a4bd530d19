"""Reading the tables that belong to a set of predictions."""

from pathlib import Path
from typing import Any

from isic_mmdet.errors import InputError
from isic_mmdet.evaluation.mask_folders import ISIC_ID
from isic_mmdet.evaluation.mask_scores import BOUNDARY_COLUMNS, TRUTH_COLUMNS
from isic_mmdet.evaluation.result_files import PER_IMAGE_COLUMNS, classes_of
from isic_mmdet.utils.csv_file import read_csv, to_flag, to_number
from isic_mmdet.utils.json_file import read_json

LABEL_COLUMNS = ('diagnosis', 'sex', 'age')

Row = dict[str, Any]

_SHARES = {'iou', 'iou_max', 'dice', 'pixel_accuracy', 'sensitivity', 'specificity', 'score'}
_IN_UNIT = _SHARES | {'iou_shifted'}
_COUNTS = {'detections', 'height', 'width'}
_NUMBERS = _SHARES | _COUNTS | {*BOUNDARY_COLUMNS, 'lesion_share', 'age'}
_MAY_BE_EMPTY = {*BOUNDARY_COLUMNS, 'score', 'age'}
_KNOWN_COLUMNS = {*PER_IMAGE_COLUMNS, *BOUNDARY_COLUMNS, *TRUTH_COLUMNS, *LABEL_COLUMNS, 'image'}


def read_per_image(path: Path) -> list[Row]:
    """Read a `per_image.csv` of `tools/test.py` or of `tools/score.py`, sorted by image id.

    Returns:
        One row an image: numbers, `touches_border` as bool, else text; None where empty.

    Raises:
        InputError: the file is missing, no such table, or holds an image twice or a value that
            makes no sense; lists all faults.
    """
    rows, faults = {}, []
    for number, cells in _read_rows(path, {*PER_IMAGE_COLUMNS}):
        row, wrong = _parse(cells)
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


def read_scores(path: Path) -> dict[str, float | None]:
    """Read the scores of detections by ISIC id, None where nothing was detected.

    Args:
        path: a table with the columns `score` and `image` (`predictions.csv` of
            `tools/predict.py`) or `image_id` (`per_image.csv`).

    Raises:
        InputError: the file is missing, has other columns, names an image twice or without its
            ISIC id, or a score is not in [0, 1]; lists all faults.
    """
    scores: dict[str, float | None] = {}
    faults = []
    for number, cells in _read_rows(path, {'score'}):
        name = cells.get('image') or cells.get('image_id') or ''
        found = ISIC_ID.search(Path(name).name)
        if not found:
            faults.append(f'line {number}: no ISIC id in image {name!r}')
            continue
        if found[0] in scores:
            faults.append(f'line {number}: {found[0]} is there twice')
        row, wrong = _parse({'score': cells['score']})
        faults += [f'line {number}: {fault}' for fault in wrong]
        scores[found[0]] = row['score']
    if faults:
        raise InputError(f'{path}: cannot be matched to masks; write it again', faults)
    return scores


def read_labels(path: Path) -> dict[str, Row]:
    """Read diagnosis, sex and age by ISIC id from an annotation file of `tools/prepare_isic.py`.

    Raises:
        InputError: the file is missing, not JSON, or its images carry no ISIC id.
    """
    content = read_json(path, 'give an annotation file of tools/prepare_isic.py')
    images = content.get('images') if isinstance(content, dict) else None
    if not isinstance(images, list) or not all(
        isinstance(image, dict) and 'isic_id' in image for image in images
    ):
        raise InputError(
            f'{path}: no images with an isic_id; give an annotation file of tools/prepare_isic.py'
        )
    labels: dict[str, Row] = {}
    faults = []
    for image in images:
        name = image['isic_id']
        if not isinstance(name, str) or name in labels:
            faults.append(f'isic_id {name!r} is no text or there twice')
            continue
        labels[name] = {key: image[key] for key in LABEL_COLUMNS if image.get(key) is not None}
        faults += [
            f'{name}: {key} is {value!r}'
            for key, value in labels[name].items()
            if not (_is_age(value) if key == 'age' else isinstance(value, str))
        ]
    if faults:
        raise InputError(f'{path}: damaged; prepare the data again', faults)
    return labels


def _is_age(value: Any) -> bool:
    return type(value) in (int, float) and 0 <= value <= 150


def _read_rows(path: Path, columns: set[str]) -> tuple[tuple[int, dict[str, str]], ...]:
    """Return line number and cells of each row of a table with some columns."""
    table = read_csv(path, _KNOWN_COLUMNS, 'name another')
    if not set(BOUNDARY_COLUMNS).isdisjoint(table.header.columns):
        # All of them or none: those of a part would be left out of the means unsaid.
        columns = columns | set(BOUNDARY_COLUMNS)
    absent = sorted(columns - set(table.header.columns))
    if absent:
        raise InputError(
            f'{path}: lacks the columns {", ".join(absent)}; it has {table.header}; write it again'
        )
    return table.rows


def _label_faults(row: Row) -> list[str]:
    """Return which labels are none of the classes whose scores the row holds."""
    classes = classes_of(row)
    return [
        f'{name} is {row[name]!r}, none of the classes {list(classes)}'
        for name in ('label', 'predicted_label')
        if len(classes) > 1 and row[name] is not None and row[name] not in classes
    ]


def _parse(cells: dict[str, str]) -> tuple[Row, list[str]]:
    """Return the values of a row, and what is wrong with some of them."""
    row: Row = {}
    faults = []
    for name, text in cells.items():
        if name == 'touches_border':
            row[name] = to_flag(text)
            if text and row[name] is None:
                faults.append(f'{name} is {text!r}')
        elif name not in _NUMBERS and not classes_of([name]):
            row[name] = text or None
        else:
            row[name] = value = to_number(text)
            is_count = name in _COUNTS and value is not None and value.is_integer() and value >= 0
            if value is not None and is_count:
                row[name] = int(value)
            is_wrong = (
                value is None
                or (not 0 <= value <= 1 and (name in _IN_UNIT or classes_of([name])))
                or (name in _COUNTS and not is_count)
            )
            if is_wrong and (text or name not in _MAY_BE_EMPTY):
                faults.append(f'{name} is {text!r}')
    return row, faults
