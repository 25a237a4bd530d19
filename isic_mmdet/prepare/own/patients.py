"""What published tables say about patients and lesions: diagnosis, age, sex, and the lesion shown.

HAM10000's table has the columns image_id, dx, lesion_id, age and sex. PH2's has its cells between
double bars: name, histological diagnosis, and the clinical one as 0, 1 or 2.
"""

import re
from typing import NamedTuple

from isic_mmdet.errors import InputError
from isic_mmdet.images.decoding import UnreadableError, read_bytes
from isic_mmdet.images.sources import SourceFile
from isic_mmdet.isic.labels import Label
from isic_mmdet.utils.csv_file import decode_text, parse_csv, to_number

_HAM10000 = ('image_id', 'lesion_id', 'dx')
_PH2_DIAGNOSES = {'0': 'common nevus', '1': 'atypical nevus', '2': 'melanoma'}


class Patient(NamedTuple):
    """What is known of one image.

    Attributes:
        label: any of `diagnosis`, `age` and `sex`.
        group: images of the same group show the same lesion; '' if that is unknown.
    """

    label: Label
    group: str = ''


def read_patients(name: str, table: SourceFile) -> dict[str, Patient]:
    """Read the table of a published data set, `ham10000` or `ph2`, by image id.

    Raises:
        InputError: the table cannot be read; lists all errors.
    """
    try:
        data = read_bytes(table)
    except UnreadableError as error:
        raise InputError(f'{table}: cannot be read ({error}); get it again') from error
    return _ham10000(table, data) if name == 'ham10000' else _ph2(table, data)


def _ham10000(table: SourceFile, data: bytes) -> dict[str, Patient]:
    rows = parse_csv(str(table), data, (*_HAM10000, 'age', 'sex'))
    missing = [column for column in _HAM10000 if column not in rows.header.columns]
    if missing:
        raise InputError(f'{table}: no column {", ".join(missing)}; it has {rows.header}')
    found: dict[str, Patient] = {}
    errors = []
    for line, row in rows.rows:
        label: Label = {'diagnosis': row['dx']} if row['dx'] else {}
        age, sex = row.get('age', ''), row.get('sex', '').lower()
        years = to_number(age)
        if years is not None and 0 <= years <= 120:
            label['age'] = int(years) if years.is_integer() else years
        elif age.lower() not in ('', 'unknown', 'nan'):
            errors.append(f'line {line}: age {age!r:.40} is no number of years')
        if sex in {'male', 'female'}:
            label['sex'] = sex
        if row['image_id'] in found:
            errors.append(f'line {line}: {row["image_id"]} is there twice')
        found[row['image_id']] = Patient(label, row['lesion_id'])
    if errors:
        raise InputError(f'{table}: use the original file, or correct it:', errors)
    return found


def _ph2(table: SourceFile, data: bytes) -> dict[str, Patient]:
    found, errors = {}, []
    for number, line in enumerate(decode_text(str(table), data).splitlines(), 1):
        cells = [cell.strip() for cell in line.split('||')]
        if len(cells) < 4 or not re.fullmatch(r'IMD\d+', cells[1]):
            continue  # the header, and the legend below the rows
        if cells[3] in _PH2_DIAGNOSES:
            found[cells[1]] = Patient({'diagnosis': _PH2_DIAGNOSES[cells[3]]})
        else:
            errors.append(f'line {number}: clinical diagnosis {cells[3]!r:.40} is not 0, 1 or 2')
    if not found:
        errors.append('no row such as "|| IMD003 || ... || 0 ||"')
    if errors:
        raise InputError(f'{table}: use the original file, or correct it:', errors)
    return found
