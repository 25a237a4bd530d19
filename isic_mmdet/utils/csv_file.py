"""Reading CSV files that a spreadsheet may have saved.

Spreadsheets separate cells by semicolons or tabs, write UTF-16 or a byte order mark, use decimal
commas, change the case of words and leave empty rows and columns. All of that is accepted.
Anything else is an error with file, line and column, never a missing value.
"""

import codecs
import csv
import io
import math
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from isic_mmdet.errors import InputError

_SEPARATORS = {',': 'comma', ';': 'semicolon', '\t': 'tab', '|': 'bar'}
_SAVE_AS = 'save it again as "CSV UTF-8"'
# The first bytes of Excel workbooks, new and old, that were renamed to .csv.
_WORKBOOKS = (b'PK\x03\x04', b'\xd0\xcf\x11\xe0')
_TRUE, _FALSE = {'true', 'yes'}, {'false', 'no'}

Row = dict[str, str]


@dataclass(frozen=True)
class CsvHeader:
    """Separator of the cells and names of the columns, '' for an empty one, in their order.

    Known names are spelled as the caller spells them.
    """

    separator: str
    columns: tuple[str, ...]

    def __str__(self) -> str:
        names = ', '.join(repr(name) for name in self.columns if name) or 'none'
        return f'separator {_SEPARATORS[self.separator]}, columns {names:.200}'


@dataclass(frozen=True)
class CsvTable:
    """Header and rows of a CSV file: line number (from 1) and stripped cells by column.

    A cell that a row lacks is ''. Empty rows are skipped.
    """

    header: CsvHeader
    rows: tuple[tuple[int, Row], ...]


def read_csv(path: Path, known: Collection[str], remedy: str) -> CsvTable:
    """Read a CSV file, see `parse_csv`; an `InputError` for a missing one ends with `remedy`."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f'{path}: cannot be read ({error.strerror}); {remedy}') from error
    return parse_csv(str(path), data, known)


def parse_header(name: str, data: bytes, known: Collection[str]) -> CsvHeader:
    """Find separator and columns of a CSV file, see `parse_csv`; refuses workbooks and non-text."""
    return _layout(name, data, known)[0]


def parse_csv(name: str, data: bytes, known: Collection[str]) -> CsvTable:
    """Parse a CSV file whose first line that is not empty names the columns.

    Args:
        name: of the file, for messages.
        data: the complete file: UTF-8 or UTF-16.
        known: column names that the caller understands, in any case, with spaces or hyphens for
            `_`. The separator is the one that finds most of them.

    Raises:
        InputError: the file is a workbook or not text, a quote is not closed, a known column is
            there twice or holds bytes that are not UTF-8, or a row has more cells than there are
            columns.
    """
    header, text, first_line = _layout(name, data, known)
    columns, errors, rows = header.columns, [], []
    for column in known:
        if columns.count(column) > 1:
            errors.append(f'{name}: column {column} is there {columns.count(column)} times')
    for line, cells in _split(name, text, header.separator, first_line)[1:]:
        for number, cell in enumerate(cells, 1):
            if cell and number > len(columns):
                errors.append(
                    f'{name}, line {line}, column {number}: {cell!r:.60} is behind the last of '
                    f'{len(columns)} columns (decimal commas between commas?)'
                )
                break
            if cell and columns[number - 1] in known and not _is_text(cell):
                column = columns[number - 1]
                errors.append(f'{name}, line {line}, column {column}: {cell!r:.60} is not UTF-8')
        row = dict.fromkeys(columns, '') | dict(zip(columns, cells, strict=False))
        row.pop('', None)
        rows.append((line, row))
    if errors:
        raise InputError(f'{name}: cannot be read as CSV; correct it, or {_SAVE_AS}:', errors)
    return CsvTable(header, tuple(rows))


def _layout(name: str, data: bytes, known: Collection[str]) -> tuple[CsvHeader, str, int]:
    """Return the header, the text to parse, and the line number of its start."""
    if data.startswith(_WORKBOOKS):
        raise InputError(f'{name}: cannot be read as CSV, it is an Excel workbook; {_SAVE_AS}')
    text, separators, first_line = decode_text(name, data), ''.join(_SEPARATORS), 1
    # Excel's own way to name the separator, on a line of its own.
    if text[:4].lower() == 'sep=' and text[4:5] in _SEPARATORS and text[5:6] in '\r\n':
        separators, first_line = text[4], 2
        text = text[5:].removeprefix('\r').removeprefix('\n')
    headers = [CsvHeader(each, _columns(text, each, known)) for each in separators]
    best = max(headers, key=lambda each: (len({*each.columns} & {*known}), len(each.columns)))
    return best, text, first_line


def decode_text(name: str, data: bytes) -> str:
    """Decode UTF-8 or UTF-16, with or without a byte order mark.

    Bytes that are not UTF-8 become surrogate escapes, which the caller may refuse. A truncated
    file, or one with bytes of value 0, is an `InputError`.
    """
    encoding = 'utf-8'
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encoding = 'utf-16'
    elif b'\0' in data[:2]:
        encoding = 'utf-16-be' if data[0] == 0 else 'utf-16-le'
    try:
        text = data.decode(encoding, 'surrogateescape' if encoding == 'utf-8' else 'strict')
    except UnicodeDecodeError as error:
        raise InputError(f'{name}: cannot be read as text, {error}; {_SAVE_AS}') from error
    if '\0' in text:
        line = text.count('\n', 0, text.index('\0')) + 1
        raise InputError(f'{name}, line {line}: cannot be read, it is not text; {_SAVE_AS}')
    return text.lstrip('\ufeff')


def to_number(text: str) -> float | None:
    """Return the finite number in a cell, with decimal point or comma; None if there is none."""
    if text.count(',') == 1 and '.' not in text:
        text = text.replace(',', '.')
    if '_' in text:  # which Python allows in numbers
        return None
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def to_flag(text: str) -> bool | None:
    """Return True for `1`, `1.0`, `TRUE` or `yes`, False for their opposites, else None."""
    word = text.strip().lower()
    if word in _TRUE | _FALSE:
        return word in _TRUE
    number = to_number(word)
    return bool(number) if number in (0, 1) else None


def _columns(text: str, separator: str, known: Collection[str]) -> tuple[str, ...]:
    """Return the column names in the first line that is not empty."""
    lines = csv.reader(io.StringIO(text, newline=''), delimiter=separator, skipinitialspace=True)
    try:
        cells = next((cells for cells in lines if any(map(str.strip, cells))), [])
    except csv.Error:
        return ()
    names = []
    for cell in cells:
        plain = '_'.join(cell.lower().replace('-', ' ').split())
        names.append(plain if plain in known else cell.strip())
    while names and not names[-1]:
        names.pop()
    return tuple(names)


def _split(name: str, text: str, separator: str, first_line: int) -> list[tuple[int, list[str]]]:
    """Return line number and cells of every row that is not empty."""
    reader = csv.reader(
        io.StringIO(text, newline=''), delimiter=separator, skipinitialspace=True, strict=True
    )
    line, rows = first_line, []
    try:
        for cells in reader:
            stripped = [cell.strip() for cell in cells]
            if any(stripped):
                rows.append((line, stripped))
            line = first_line + reader.line_num
    except csv.Error as error:
        raise InputError(
            f'{name}, line {line}: cannot be read as CSV, {error} (is a quote not closed?); '
            'correct it, or write it again'
        ) from error
    return rows


def _is_text(cell: str) -> bool:
    return not any('\ud800' <= letter <= '\udfff' for letter in cell)
