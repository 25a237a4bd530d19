"""Diagnosis, age and sex of the patients, from the CSV files of ISIC 2017.

ISIC ids mean the same image in every year, so the labels of 2017 also serve the images that 2018
took over. Tables are recognized by their columns, because copies are often renamed: `image_id,
melanoma, seborrheic_keratosis` (Part 3 ground truth; a nevus has 0 in both) and `image_id,
age_approximate, sex` (metadata, `unknown` where missing).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from isic_mmdet.errors import InputError
from isic_mmdet.images.decoding import UnreadableError, read_bytes
from isic_mmdet.images.sources import SourceFile
from isic_mmdet.isic.layouts import PairError, listed_id
from isic_mmdet.isic.names import MELANOMA
from isic_mmdet.utils.csv_file import parse_csv, parse_header, to_flag, to_number

_ID_COLUMNS = ('image_id', 'image', 'isic_id', 'image_name')
_KERATOSIS = 'seborrheic_keratosis'
_LABEL_COLUMNS = {MELANOMA, _KERATOSIS}
_METADATA_COLUMNS = {'age_approximate', 'sex'}
_KNOWN_COLUMNS = {*_ID_COLUMNS, *_LABEL_COLUMNS, *_METADATA_COLUMNS}
_UNKNOWN = {'', 'unknown'}
# By the flags for melanoma and seborrheic keratosis.
_DIAGNOSES: dict[tuple[bool | None, bool | None], str] = {
    (False, False): 'nevus',
    (True, False): MELANOMA,
    (False, True): _KERATOSIS,
}

#: What is known of one image: any of `diagnosis` (str), `age` (number, years), `sex` (str).
Label = dict[str, Any]


@dataclass
class Labels:
    """The content of the tables among the sources."""

    #: Without values that are wrong or contradict each other; each of them is one of the errors.
    by_id: dict[str, Label] = field(default_factory=dict)
    errors: list[PairError] = field(default_factory=list)
    #: Name, separator and columns of every CSV file that is no table of labels.
    other_tables: list[str] = field(default_factory=list)


def read_labels(tables: Sequence[SourceFile]) -> Labels:
    """Read the tables of labels and metadata among CSV files.

    Raises:
        InputError: a CSV file is damaged or not text, or a table of labels has no column of image
            ids or something else in it; with file, line and column.
    """
    found = Labels()
    contradicted: set[tuple[str, str]] = set()
    nameless: list[str] = []
    for table in sorted(tables, key=str):
        for line, row in _rows(table, found.other_tables):
            place = f'{table}, line {line}'
            id_column = next(column for column in _ID_COLUMNS if column in row)
            isic_id = listed_id(row[id_column])
            if isic_id is None:
                text = f'{row[id_column]!r:.60} is no ISIC id (ISIC_ and seven digits)'
                nameless.append(f'{place}, column {id_column}: {text}')
                continue
            known = found.by_id.setdefault(isic_id, {})
            values, problems = _parse(row)
            for key, value in values.items():
                if known.setdefault(key, value) != value:
                    problems.append(f'{key} {value}, elsewhere {known[key]}')
                    contradicted.add((isic_id, key))
            found.errors += [
                PairError(isic_id, 'bad label', f'{place}: {problem}; correct it', left_out=False)
                for problem in problems
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
    """Return the rows of a table of labels. Another table is noted and has none."""
    try:
        data = read_bytes(table)
    except UnreadableError as error:
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
    """Return the valid values of a row, and what is wrong with the others."""
    label: Label = {}
    errors: list[str] = []
    if row.keys() >= _LABEL_COLUMNS:
        diagnosis = _DIAGNOSES.get((to_flag(row[MELANOMA]), to_flag(row[_KERATOSIS])))
        if diagnosis is None:
            cells = ' and '.join(f'{name} {row[name]!r}' for name in (MELANOMA, _KERATOSIS))
            errors.append(f'{cells} are no diagnosis')
        else:
            label['diagnosis'] = diagnosis
    if row.keys() >= _METADATA_COLUMNS:
        age, sex = row['age_approximate'].lower(), row['sex'].lower()
        if age not in _UNKNOWN:
            years = to_number(age)
            if years is None or not 0 <= years <= 120:
                errors.append(f'age_approximate {age!r} is no number of years')
            else:
                label['age'] = int(years) if years.is_integer() else years
        if sex in {'male', 'female'}:
            label['sex'] = sex
        elif sex not in _UNKNOWN:
            errors.append(f'sex {sex!r} is neither male, female nor unknown')
    return label, errors


def category_of(classes: str, label: Label) -> int:
    """Return the category id of a lesion.

    Args:
        classes: `lesion` or `diagnosis`; in the latter seborrheic keratosis and nevus are benign.
        label: has a `diagnosis` if `classes` is `diagnosis`.
    """
    return 2 if classes == 'diagnosis' and label['diagnosis'] == MELANOMA else 1
