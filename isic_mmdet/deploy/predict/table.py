"""Reads and writes `predictions.csv`, and its parts while several processes write.

Each process appends a line to its own part after all files of an image are written. At the end one
process joins the parts. A killed run leaves its parts, and the next run reads them.

`image` is the path of the mask in OUT without `_segmentation.png`. `file` is the image: the same
folders, and its file name.
"""

import csv
import io
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from heapq import merge
from itertools import chain, groupby
from operator import itemgetter
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any, TypeAlias

from isic_mmdet.errors import InputError
from isic_mmdet.utils.append_log import LineFile, complete_lines
from isic_mmdet.utils.files import write_atomically, writing
from isic_mmdet.utils.prefetch import batches

BOX_COLUMNS = ('x', 'y', 'width', 'height')
COLUMNS = (
    *('image', 'file', 'label', 'score', 'area_px', 'area_share'),
    *BOX_COLUMNS,
    *('expected_iou', 'check', 'seconds'),
)
_NAME = 'predictions.csv'
_HEADER = dict(zip(COLUMNS, COLUMNS, strict=True))
_IMAGE = itemgetter('image')
# About 30 MB.
_SORTED_AT_ONCE = 20_000
_WRITTEN_AT_ONCE = 1000

Row: TypeAlias = dict[str, str]


def read_rows(folder: Path) -> Iterator[Row]:
    """Yield the rows of all finished images in `folder`.

    An image that was predicted again has several rows until the parts are joined. The last one
    holds.

    Raises:
        InputError: a file is damaged, or `predictions.csv` has other columns.
    """
    table = folder / _NAME
    if table.is_file():
        with table.open('rb') as lines:
            yield from _parsed(table, lines, has_header=True)
    for part in _parts(folder):
        yield from _parsed(part, complete_lines(part))


def _parsed(path: Path, lines: Iterable[bytes], has_header: bool = False) -> Iterator[Row]:
    try:
        rows = csv.DictReader((line.decode() for line in lines), COLUMNS)
        if has_header and next(rows, None) != _HEADER:
            raise csv.Error(f'its columns are not {", ".join(COLUMNS)}')
        for row in rows:
            # DictReader fills short rows with None, and lists the cells of long ones under None.
            if None in row or None in row.values():
                raise csv.Error(f'a row does not have {len(COLUMNS)} cells')
            yield row
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(
            f'{path}: damaged, or not written by predict.py ({error}); name another --out, or '
            'remove the file and run with --resume, which predicts its images again'
        ) from error


def join_parts(folder: Path) -> None:
    """Move the rows of all parts to `predictions.csv`, sorted by image.

    Memory does not depend on the number of rows: blocks of them are sorted into temporary files in
    `folder`, and the blocks are merged.
    """
    with ExitStack() as files:
        blocks = [
            csv.DictReader(files.enter_context(_sorted_block(rows, folder)), COLUMNS)
            for rows in batches(read_rows(folder), _SORTED_AT_ONCE)
        ]
        # Sorting and merging keep the order of the rows of one image.
        groups = groupby(merge(*blocks, key=_IMAGE), _IMAGE)
        last_rows = (deque(rows, maxlen=1).pop() for _, rows in groups)
        parts = batches(chain([_HEADER], last_rows), _WRITTEN_AT_ONCE)
        write_atomically(folder / _NAME, (csv_lines(rows).encode() for rows in parts))
    for part in _parts(folder):
        part.unlink()


def _sorted_block(rows: Sequence[Row], folder: Path) -> IO[str]:
    """Return a temporary file in `folder` with the rows sorted by image."""
    with writing(folder / _NAME):
        file = TemporaryFile('w+', dir=folder, encoding='utf-8', newline='')  # noqa: SIM115
        file.write(csv_lines(sorted(rows, key=_IMAGE)))
        file.seek(0)
        return file


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
