"""Markdown tables, and the generated parts of Markdown pages."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from isic_mmdet.errors import InputError

UNKNOWN = '—'


def markdown_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table with one line per row; pipes in cells are escaped."""
    lines = [columns, ['---'] * len(columns), *rows]
    return '\n'.join(
        '| ' + ' | '.join(cell.replace('|', '\\|') for cell in line) + ' |' for line in lines
    )


def with_block(path: str | Path, begin: str, end: str, content: str) -> str:
    """Return the text of a Markdown file with other content between two marker lines.

    Raises:
        InputError: the file cannot be read, or does not have each marker once, in order.
    """
    try:
        text = Path(path).read_text(encoding='utf-8')
    except OSError as error:
        raise InputError(f'{path}: cannot be read ({error.strerror})') from error
    if text.count(begin) != 1 or text.count(end) != 1 or text.index(begin) > text.index(end):
        raise InputError(
            f'{path}: needs one line {begin} and below it one line {end}; '
            'the table goes between them'
        )
    head, _, rest = text.partition(begin)
    _, _, tail = rest.partition(end)
    return f'{head}{begin}\n\n{content}\n\n{end}{tail}'
