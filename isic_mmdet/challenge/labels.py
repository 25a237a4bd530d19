"""Diagnosis, age and sex of the patients, from the CSV files of ISIC 2017.

ISIC ids mean the same picture in every year, so the labels of 2017 also serve the images that
2018 took over. Files are known by their columns, because copies are often renamed:
`image_id, melanoma, seborrheic_keratosis` (Part 3 ground truth, 0.0 or 1.0, a nevus has both 0)
and `image_id, age_approximate, sex` (metadata, `unknown` where missing).
"""

import csv
import io
from collections.abc import Sequence
from typing import Any

from isic_mmdet.challenge.faults import Fault
from isic_mmdet.challenge.sources import SourceFile
from isic_mmdet.errors import InputError

_LABEL_COLUMNS = {'melanoma', 'seborrheic_keratosis'}
_METADATA_COLUMNS = {'age_approximate', 'sex'}
_UNKNOWN = {'', 'unknown'}
_DIAGNOSES = {(0.0, 0.0): 'nevus', (1.0, 0.0): 'melanoma', (0.0, 1.0): 'seborrheic_keratosis'}

#: What is known of one image: any of `diagnosis` (str), `age` (number, years), `sex` (str).
Label = dict[str, Any]


def read_labels(tables: Sequence[SourceFile]) -> tuple[dict[str, Label], list[Fault]]:
    """Read every table whose columns are those of a label or metadata file.

    Args:
        tables: any CSV files; those with other columns are passed over.

    Returns:
        Labels by ISIC id, and one fault for each value that makes no sense or contradicts
        another file. A value with a fault is not in the labels.

    Raises:
        InputError: a CSV file cannot be read as text.
    """
    labels: dict[str, Label] = {}
    faults: list[Fault] = []
    for table in sorted(tables, key=str):
        for row in _rows(table):
            isic_id = row['image_id'].strip().upper()
            known = labels.setdefault(isic_id, {})
            try:
                values = _parse(row)
            except ValueError as error:
                faults.append(Fault(isic_id, 'bad label', f'{table}: {error}', left_out=False))
                continue
            for key, value in values.items():
                if known.setdefault(key, value) != value:
                    detail = f'{table}: {key} {value}, elsewhere {known[key]}'
                    faults.append(Fault(isic_id, 'bad label', detail, left_out=False))
    for isic_id in {fault.isic_id for fault in faults}:
        labels.pop(isic_id)
    return labels, faults


def _rows(table: SourceFile) -> list[dict[str, str]]:
    try:
        text = table.read().decode('utf-8-sig')
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f'{table}: cannot be read as CSV ({error}); get it again') from error
    reader = csv.DictReader(io.StringIO(text, newline=''), restval='')
    columns = set(reader.fieldnames or ())
    known = columns >= _LABEL_COLUMNS or columns >= _METADATA_COLUMNS
    return list(reader) if known and 'image_id' in columns else []


def _parse(row: dict[str, str]) -> Label:
    label: Label = {}
    if row.keys() >= _LABEL_COLUMNS:
        melanoma, keratosis = row['melanoma'], row['seborrheic_keratosis']
        try:
            label['diagnosis'] = _DIAGNOSES[float(melanoma), float(keratosis)]
        except (ValueError, KeyError):
            raise ValueError(
                f'melanoma {melanoma!r} and seborrheic_keratosis {keratosis!r} are no diagnosis'
            ) from None
    if row.keys() >= _METADATA_COLUMNS:
        age, sex = row['age_approximate'].strip().lower(), row['sex'].strip().lower()
        if age not in _UNKNOWN:
            years = float(age)
            label['age'] = int(years) if years.is_integer() else years
        if sex not in _UNKNOWN:
            if sex not in {'male', 'female'}:
                raise ValueError(f'sex {sex!r} is neither male, female nor unknown')
            label['sex'] = sex
    return label
