"""Reads and writes `predictions.csv`, and its parts while several processes write.

Each process appends a line to its own part after all files of an image are written. At the end one
process joins the parts. A killed run leaves its parts, and the next run reads them.

`image` is the path of the mask in OUT without `_segmentation.png`. `file` is the image: the same
folders, and its file name.
"""

import csv
import io
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from isic_mmdet.errors import InputError
from isic_mmdet.utils.append_log import LineFile, whole_lines
from isic_mmdet.utils.files import write_atomically

BOX_COLUMNS = ('x', 'y', 'width', 'height')
COLUMNS = (
    *('image', 'file', 'label', 'score', 'area_px', 'area_share'),
    *BOX_COLUMNS,
    *('expected_iou', 'check', 'seconds'),
)
_NAME = 'predictions.csv'
_HEADER = dict(zip(COLUMNS, COLUMNS, strict=True))


def read_rows(folder: Path) -> dict[str, dict[str, str]]:
    """Return the row of every finished image in `folder`, by the name of its mask.

    Raises:
        InputError: a file is damaged, or `predictions.csv` has other columns.
    """
    table = folder / _NAME
    rows = _parsed(table, table.read_bytes(), [_HEADER]) if table.is_file() else []
    for part in _parts(folder):
        rows += _parsed(part, whole_lines(part), [])
    return {row['image']: row for row in rows}


def _parsed(path: Path, content: bytes, start: list[dict[str, str]]) -> list[dict[str, str]]:
    """Return the rows of a file after the rows that it must start with."""
    try:
        rows = list(csv.DictReader(io.StringIO(content.decode(), newline=''), COLUMNS))
        if rows[: len(start)] != start:
            raise csv.Error(f'its columns are not {", ".join(COLUMNS)}')
        # DictReader fills short rows with None, and lists the cells of long ones under None.
        if any(None in row or None in row.values() for row in rows):
            raise csv.Error(f'a row does not have {len(COLUMNS)} cells')
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(
            f'{path}: damaged, or not written by predict.py ({error}); name another --out, or '
            'remove the file and run with --resume, which predicts its images again'
        ) from error
    return rows[len(start) :]


def join_parts(folder: Path) -> dict[str, dict[str, str]]:
    """Move the rows of all parts to `predictions.csv`, sorted by image, and return all rows."""
    rows = read_rows(folder)
    text = csv_lines([_HEADER, *(rows[name] for name in sorted(rows))])
    write_atomically(folder / _NAME, text.encode())
    for part in _parts(folder):
        part.unlink()
    return rows


def is_begun(folder: Path) -> bool:
    """Return whether `folder` holds predictions, finished or not."""
    return (folder / _NAME).is_file() or bool(_parts(folder))


def part_of(folder: Path, rank: int) -> LineFile:
    """Return the part of the table that a process appends to."""
    return LineFile(folder / f'.predictions.{rank}.csv')


def csv_lines(rows: Iterable[Mapping[str, Any]]) -> str:
    """Return rows as lines of the table; a missing value becomes an empty cell."""
    text = io.StringIO()
    csv.DictWriter(text, COLUMNS, lineterminator='\n').writerows(rows)
    return text.getvalue()


def _parts(folder: Path) -> list[Path]:
    return sorted(folder.glob('.predictions.*.csv'))
