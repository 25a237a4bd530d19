"""Diagnosis, age and sex of the patients, from the CSV files of ISIC 2017.

ISIC ids mean the same image in every year, so the labels of 2017 also serve the images that
2018 took over. Files are known by their columns, because copies are often renamed:
`image_id, melanoma, seborrheic_keratosis` (Part 3 ground truth, 0.0 or 1.0, a nevus has both 0)
and `image_id, age_approximate, sex` (metadata, `unknown` where missing). A spreadsheet may have
saved them, see `csv_file`.
"""

import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from isic_mmdet.errors import InputError
from isic_mmdet.images.sources import SourceFile
from isic_mmdet.isic.layouts import PairError, listed_id
from isic_mmdet.isic.names import MELANOMA
from isic_mmdet.utils.csv_file import parse_csv, parse_header, to_flag, to_number

_ID_COLUMNS = ('image_id', 'image', 'isic_id', 'image_name')
_LABEL_COLUMNS = {MELANOMA, 'seborrheic_keratosis'}
_METADATA_COLUMNS = {'age_approximate', 'sex'}
_KNOWN_COLUMNS = {*_ID_COLUMNS, *_LABEL_COLUMNS, *_METADATA_COLUMNS}
_UNKNOWN = {'', 'unknown'}
_DIAGNOSES: dict[tuple[bool | None, bool | None], str] = {
    (False, False): 'nevus',
    (True, False): MELANOMA,
    (False, True): 'seborrheic_keratosis',
}

# What reading a file, or a member of a damaged or encrypted zip, can end in.
_READ_ERRORS = (OSError, RuntimeError, NotImplementedError, zipfile.BadZipFile, zlib.error)

#: What is known of one image: any of `diagnosis` (str), `age` (number, years), `sex` (str).
Label = dict[str, Any]


@dataclass
class Labels:
    """What the tables among the sources say.

    Attributes:
        by_id: labels by ISIC id, without the values that have an error.
        errors: one for each value that makes no sense or contradicts another file.
        other_tables: name, separator and columns of every CSV file that is no table of labels.
    """

    by_id: dict[str, Label] = field(default_factory=dict)
    errors: list[PairError] = field(default_factory=list)
    other_tables: list[str] = field(default_factory=list)


def read_labels(tables: Sequence[SourceFile]) -> Labels:
    """Read every table whose columns are those of a label or metadata file.

    Args:
        tables: any CSV files; those with other columns are passed over.

    Raises:
        InputError: a CSV file is damaged or not text, or a table of labels has no column of image
            ids or something else in it; with file, line and column.
    """
    found = Labels()
    contradicted: set[tuple[str, str]] = set()
    nameless: list[str] = []
    for table in sorted(tables, key=str):
        for line, row in _rows(table, found.other_tables):
            id_column = next(column for column in _ID_COLUMNS if column in row)
            isic_id = listed_id(row[id_column])
            if isic_id is None:
                nameless.append(
                    f'{table}, line {line}, column {id_column}: {row[id_column]!r:.60} is no ISIC '
                    'id (ISIC_ and seven digits)'
                )
                continue
            known = found.by_id.setdefault(isic_id, {})
            values, details = _parse(row)
            for key, value in values.items():
                if known.setdefault(key, value) != value:
                    details.append(f'{key} {value}, elsewhere {known[key]}')
                    contradicted.add((isic_id, key))
            found.errors += [
                PairError(
                    isic_id,
                    'bad label',
                    f'{table}, line {line}: {detail}; correct it',
                    left_out=False,
                )
                for detail in details
            ]
    if nameless:
        raise InputError(
            'some rows of the tables of labels belong to no image; correct or remove them:',
            nameless,
        )
    for isic_id, key in contradicted:
        del found.by_id[isic_id][key]
    return found


def _rows(table: SourceFile, other_tables: list[str]) -> Sequence[tuple[int, dict[str, str]]]:
    """Return the rows of a table of labels; a table of another kind has none and is noted."""
    try:
        data = table.read()
    except _READ_ERRORS as error:
        raise InputError(f'{table}: cannot be read as CSV ({error}); get it again') from error
    header = parse_header(str(table), data, _KNOWN_COLUMNS)
    columns = set(header.columns)
    if not (columns >= _LABEL_COLUMNS or columns >= _METADATA_COLUMNS):
        other_tables.append(f'{table} ({header})')
        return ()
    if columns.isdisjoint(_ID_COLUMNS):
        raise InputError(
            f'{table}, line 1: no column of image ids ({", ".join(_ID_COLUMNS)}) in {header}; '
            'name one of the columns image_id'
        )
    return parse_csv(str(table), data, _KNOWN_COLUMNS).rows


def _parse(row: dict[str, str]) -> tuple[Label, list[str]]:
    """Return the values of a row that make sense, and what is wrong with the others."""
    label: Label = {}
    errors: list[str] = []
    if row.keys() >= _LABEL_COLUMNS:
        melanoma, keratosis = row[MELANOMA], row['seborrheic_keratosis']
        diagnosis = _DIAGNOSES.get((to_flag(melanoma), to_flag(keratosis)))
        if diagnosis is None:
            errors.append(
                f'melanoma {melanoma!r} and seborrheic_keratosis {keratosis!r} are no diagnosis'
            )
        else:
            label['diagnosis'] = diagnosis
    if row.keys() >= _METADATA_COLUMNS:
        age, sex = row['age_approximate'].lower(), row['sex'].lower()
        if age not in _UNKNOWN:
            years = _years(age)
            if years is None:
                errors.append(f'age_approximate {age!r} is no number of years')
            else:
                label['age'] = years
        if sex in {'male', 'female'}:
            label['sex'] = sex
        elif sex not in _UNKNOWN:
            errors.append(f'sex {sex!r} is neither male, female nor unknown')
    return label, errors


def _years(text: str) -> float | int | None:
    years = to_number(text)
    if years is None or not 0 <= years <= 120:
        return None
    return int(years) if years.is_integer() else years


def category_of(classes: str, label: Label) -> int:
    """Return the category id of a lesion.

    Args:
        classes: `lesion` or `diagnosis`. In the latter seborrheic keratosis and nevus are benign.
        label: must have `diagnosis` if `classes` is `diagnosis`.
    """
    if classes == 'lesion':
        return 1
    return 2 if label['diagnosis'] == MELANOMA else 1
