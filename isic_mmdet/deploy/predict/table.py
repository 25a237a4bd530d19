"""Reads and writes `predictions.csv`, and its parts while several processes write.

Each process appends a line to its own part after all files of an image are written. At the end one
process joins the parts. A killed run leaves its parts, and the next run reads them.

`image` is the path of the mask in OUT without `_segmentation.png`. `file` is the image: the same
folders, and its file name.
"""

import csv
import io
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from isic_mmdet.errors import InputError
from isic_mmdet.utils.append_log import LineFile, whole_lines
from isic_mmdet.utils.files import write_atomically

COLUMNS = (
    'image',
    'file',
    'label',
    'score',
    'area_px',
    'area_share',
    'x',
    'y',
    'width',
    'height',
    'seconds',
)
_NAME = 'predictions.csv'
_REMEDY = 'to fix it, remove it and run with --resume, which predicts its images again'


def read_rows(folder: Path) -> dict[str, dict[str, str]]:
    """Return the row of every finished image in `folder`, by the name of its mask.

    Raises:
        InputError: `predictions.csv` has other columns, or a file is damaged.
    """
    rows: dict[str, dict[str, str]] = {}
    table = folder / _NAME
    if table.is_file():
        columns, *lines = _cells(table, table.read_bytes()) or [[]]
        if tuple(columns) != COLUMNS:
            raise InputError(
                f'{table} was not written by predict.py: its columns are {columns}; '
                'name another --out'
            )
        rows |= _by_image(table, lines)
    for part in _parts(folder):
        rows |= _by_image(part, _cells(part, whole_lines(part)))
    return rows


def _cells(path: Path, content: bytes) -> list[list[str]]:
    try:
        return list(csv.reader(io.StringIO(content.decode(), newline='')))
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f'{path}: damaged ({error}); {_REMEDY}') from error


def _by_image(path: Path, lines: list[list[str]]) -> dict[str, dict[str, str]]:
    lines = [cells for cells in lines if cells]
    if any(len(cells) != len(COLUMNS) for cells in lines):
        raise InputError(f'{path}: damaged (a row does not have {len(COLUMNS)} cells); {_REMEDY}')
    return {cells[0]: dict(zip(COLUMNS, cells, strict=True)) for cells in lines}


def join_parts(folder: Path) -> dict[str, dict[str, str]]:
    """Move the rows of all parts to `predictions.csv`, sorted by image, and return all rows."""
    rows = read_rows(folder)
    text = io.StringIO()
    writer = _writer(text)
    writer.writeheader()
    writer.writerows(rows[name] for name in sorted(rows))
    write_atomically(folder / _NAME, text.getvalue().encode())
    for part in _parts(folder):
        part.unlink()
    return rows


def is_begun(folder: Path) -> bool:
    """Return whether `folder` holds predictions, finished or not."""
    return (folder / _NAME).is_file() or bool(_parts(folder))


def _parts(folder: Path) -> list[Path]:
    return sorted(folder.glob('.predictions.*.csv'))


def _writer(text: io.StringIO) -> 'csv.DictWriter[str]':
    return csv.DictWriter(text, COLUMNS, lineterminator='\n')


class Part:
    """The part of the table of one process.

    Args:
        folder: of the predictions.
        rank: of the process.
    """

    def __init__(self, folder: Path, rank: int) -> None:
        self._lines = LineFile(folder / f'.predictions.{rank}.csv')

    def __enter__(self) -> 'Part':
        self._lines.__enter__()
        return self

    def add(self, row: Mapping[str, Any]) -> None:
        """Write the row of an image; None becomes an empty cell.

        Raises:
            InputError: it cannot be written.
        """
        text = io.StringIO()
        _writer(text).writerow(row)
        self._lines.add(text.getvalue())

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._lines.__exit__(kind, error, trace)
