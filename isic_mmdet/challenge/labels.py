"""Diagnosis, age and sex of the patients, from the CSV files of ISIC 2017.

ISIC ids mean the same picture in every year, so the labels of 2017 also serve the images that
2018 took over. Files are known by their columns, because copies are often renamed:
`image_id, melanoma, seborrheic_keratosis` (Part 3 ground truth, 0.0 or 1.0, a nevus has both 0)
and `image_id, age_approximate, sex` (metadata, `unknown` where missing).
"""

import csv
import io
import math
import zipfile
import zlib
from collections.abc import Sequence
from typing import Any

from isic_mmdet.challenge.faults import Fault
from isic_mmdet.challenge.sources import SourceFile
from isic_mmdet.errors import InputError

_LABEL_COLUMNS = {'melanoma', 'seborrheic_keratosis'}
_METADATA_COLUMNS = {'age_approximate', 'sex'}
_UNKNOWN = {'', 'unknown'}
_DIAGNOSES = {(0.0, 0.0): 'nevus', (1.0, 0.0): 'melanoma', (0.0, 1.0): 'seborrheic_keratosis'}

# What reading a file, or a member of a damaged or encrypted zip, can end in.
_READ_ERRORS = (
    OSError,
    UnicodeDecodeError,
    RuntimeError,
    NotImplementedError,
    zipfile.BadZipFile,
    zlib.error,
    csv.Error,  # a cell of over 131,072 characters, or a quote that is never closed
)

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
        InputError: a CSV file is damaged or not text.
    """
    labels: dict[str, Label] = {}
    faults: list[Fault] = []
    contradicted: set[tuple[str, str]] = set()
    for table in sorted(tables, key=str):
        for row in _rows(table):
            isic_id = row['image_id'].strip().upper()
            known = labels.setdefault(isic_id, {})
            values, details = _parse(row)
            for key, value in values.items():
                if known.setdefault(key, value) != value:
                    details.append(f'{key} {value}, elsewhere {known[key]}')
                    contradicted.add((isic_id, key))
            faults += [
                Fault(isic_id, 'bad label', f'{table}: {detail}; correct it', left_out=False)
                for detail in details
            ]
    for isic_id, key in contradicted:
        del labels[isic_id][key]
    return labels, faults


def _rows(table: SourceFile) -> list[dict[str, str]]:
    try:
        text = table.read().decode('utf-8-sig')
        reader = csv.DictReader(io.StringIO(text, newline=''), restval='')
        columns = set(reader.fieldnames or ())
        known = columns >= _LABEL_COLUMNS or columns >= _METADATA_COLUMNS
        return list(reader) if known and 'image_id' in columns else []
    except _READ_ERRORS as error:
        raise InputError(f'{table}: cannot be read as CSV ({error}); get it again') from error


def _parse(row: dict[str, str]) -> tuple[Label, list[str]]:
    """Return the values of a row that make sense, and what is wrong with the others."""
    label: Label = {}
    faults: list[str] = []
    if row.keys() >= _LABEL_COLUMNS:
        melanoma, keratosis = row['melanoma'], row['seborrheic_keratosis']
        try:
            label['diagnosis'] = _DIAGNOSES[float(melanoma), float(keratosis)]
        except (ValueError, KeyError):
            faults.append(
                f'melanoma {melanoma!r} and seborrheic_keratosis {keratosis!r} are no diagnosis'
            )
    if row.keys() >= _METADATA_COLUMNS:
        age, sex = row['age_approximate'].strip().lower(), row['sex'].strip().lower()
        if age not in _UNKNOWN:
            years = _years(age)
            if years is None:
                faults.append(f'age {age!r} is no number of years')
            else:
                label['age'] = years
        if sex in {'male', 'female'}:
            label['sex'] = sex
        elif sex not in _UNKNOWN:
            faults.append(f'sex {sex!r} is neither male, female nor unknown')
    return label, faults


def _years(text: str) -> float | int | None:
    try:
        years = float(text)
    except ValueError:
        return None
    if not (math.isfinite(years) and 0 <= years <= 120):
        return None
    return int(years) if years.is_integer() else years
