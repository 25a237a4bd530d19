"""Reading CSV files that a spreadsheet may have saved.

Spreadsheets separate cells by semicolons or tabs, write UTF-16 or a byte order mark, use decimal
commas, change the case of words and leave empty rows and columns behind. All of that is accepted.
What cannot be understood is an error with file, line and column, never a missing value.
"""

import codecs
import csv
import io
import math
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from isic_mmdet.errors import InputError

_SEPARATORS = ',;\t|'
_SEPARATOR_NAMES = {',': 'comma', ';': 'semicolon', '\t': 'tab', '|': 'bar'}
_SAVE_AS = 'save it again as "CSV UTF-8"'
# The first bytes of files that were renamed to .csv.
_WORKBOOKS = {b'PK\x03\x04': 'an Excel workbook', b'\xd0\xcf\x11\xe0': 'an old Excel workbook'}
_TRUE, _FALSE = {'true', 'yes'}, {'false', 'no'}

Row = dict[str, str]


@dataclass(frozen=True)
class CsvHeader:
    """How a CSV file is laid out.

    Attributes:
        separator: the character between two cells.
        columns: names in the order of the file: as the caller spells them where it knows them
            but for case, spaces and hyphens, else as the file does; '' where there is none.
    """

    separator: str
    columns: tuple[str, ...]

    def __str__(self) -> str:
        names = ', '.join(repr(name) for name in self.columns if name) or 'none'
        return f'separator {_SEPARATOR_NAMES[self.separator]}, columns {names:.200}'


@dataclass(frozen=True)
class CsvTable:
    """The content of a CSV file.

    Attributes:
        header: separator and columns.
        rows: line number (from 1) and cells by column, without space around them; '' where a row
            has no such cell. Empty rows are skipped.
    """

    header: CsvHeader
    rows: tuple[tuple[int, Row], ...]


def read_csv(path: Path, known: Collection[str], remedy: str) -> CsvTable:
    """Read a CSV file.

    Args:
        path: of the file.
        known: as for `parse_csv`.
        remedy: what to do where it cannot be read, for the message.

    Raises:
        InputError: the file is missing, or as for `parse_csv`.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f'{path}: cannot be read ({error.strerror}); {remedy}') from error
    return parse_csv(str(path), data, known)


def parse_header(name: str, data: bytes, known: Collection[str]) -> CsvHeader:
    """Find separator and columns of a CSV file; see `parse_csv`.

    Raises:
        InputError: the file is a workbook or not text.
    """
    return _layout(name, data, known)[0]


def parse_csv(name: str, data: bytes, known: Collection[str]) -> CsvTable:
    """Parse a CSV file whose first line that is not empty names the columns.

    Args:
        name: of the file, for messages.
        data: the whole file: UTF-8, or UTF-16 as spreadsheets write it.
        known: column names that the caller understands. The separator is the one that finds most
            of them. Only in these columns, bytes that are not UTF-8 are an error.

    Raises:
        InputError: the file is a workbook or not text, a quote is not closed, a known column is
            there twice, or a row has more cells than there are columns.
    """
    header, text, first_line = _layout(name, data, known)
    rows = _split(name, text, header.separator, first_line)[1:]
    return CsvTable(header, tuple(_rows(name, header.columns, rows, known)))


def _layout(name: str, data: bytes, known: Collection[str]) -> tuple[CsvHeader, str, int]:
    """Return the header, the text to parse, and the line number that the text begins at."""
    workbook = next((kind for start, kind in _WORKBOOKS.items() if data.startswith(start)), None)
    if workbook:
        raise InputError(f'{name}: cannot be read as CSV, it is {workbook}; {_SAVE_AS}')
    text = decode_text(name, data)
    separators, first_line = _SEPARATORS, 1
    # Excel's own way of naming the separator, on a line of its own.
    if text[:4].lower() == 'sep=' and text[4:5] in set(_SEPARATORS) and text[5:6] in '\r\n':
        separators, first_line = text[4], 2
        text = text[5:].removeprefix('\r').removeprefix('\n')
    headers = [CsvHeader(each, _columns(text, each, known)) for each in separators]
    best = max(headers, key=lambda each: (len({*each.columns} & {*known}), len(each.columns)))
    return best, text, first_line


def decode_text(name: str, data: bytes) -> str:
    """Decode UTF-8 or UTF-16, with or without a byte order mark.

    Bytes that are not UTF-8 become surrogate escapes, for the caller to refuse where they matter.

    Raises:
        InputError: the file is cut off or holds bytes of value 0, as no text does.
    """
    try:
        if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            text = data.decode('utf-16')
        elif data[1:2] == b'\0':
            text = data.decode('utf-16-le')
        elif data[:1] == b'\0':
            text = data.decode('utf-16-be')
        else:
            text = data.decode('utf-8', errors='surrogateescape')
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
    """Return what `1`, `1.0`, `TRUE` or `yes` and their opposites mean; None for anything else."""
    word = text.strip().lower()
    if word in _TRUE | _FALSE:
        return word in _TRUE
    number = to_number(word)
    return bool(number) if number in (0, 1) else None


def _columns(text: str, separator: str, known: Collection[str]) -> tuple[str, ...]:
    """Return the column names that the first line that is not empty holds."""
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


def _split(name: str, text: str, separator: str, line: int) -> list[tuple[int, list[str]]]:
    """Return line number and cells of every row that is not empty, counting from `line`."""
    reader = csv.reader(
        io.StringIO(text, newline=''), delimiter=separator, skipinitialspace=True, strict=True
    )
    first_line, rows = line, []
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


def _rows(
    name: str,
    columns: tuple[str, ...],
    rows: list[tuple[int, list[str]]],
    known: Collection[str],
) -> list[tuple[int, Row]]:
    errors = [
        f'{name}: column {column} is there {columns.count(column)} times'
        for column in dict.fromkeys(columns)
        if column in known and columns.count(column) > 1
    ]
    parsed = []
    for line, cells in rows:
        beyond = next((n for n, cell in enumerate(cells) if cell and n >= len(columns)), None)
        if beyond is not None:
            errors.append(
                f'{name}, line {line}, column {beyond + 1}: {cells[beyond]!r:.60} stands behind '
                f'the last of {len(columns)} columns (decimal commas between commas?)'
            )
        row = dict.fromkeys(columns, '') | dict(zip(columns, cells, strict=False))
        row.pop('', None)
        errors += [
            f'{name}, line {line}, column {column}: {cell!r:.60} is not UTF-8'
            for column, cell in row.items()
            if column in known and not cell.isascii() and not _is_text(cell)
        ]
        parsed.append((line, row))
    if errors:
        raise InputError(f'{name}: cannot be read as CSV; correct it, or {_SAVE_AS}:', errors)
    return parsed


def _is_text(cell: str) -> bool:
    return not any('\ud800' <= letter <= '\udfff' for letter in cell)
