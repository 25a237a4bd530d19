"""Blocks of Markdown files that programs write, between two marker lines."""

from pathlib import Path

from isic_mmdet.errors import InputError
from isic_mmdet.utils.files import write_atomically


def replace_between(path: str | Path, begin: str, end: str, content: str) -> None:
    """Put `content` between two marker lines of a Markdown file; see `with_block`."""
    write_atomically(path, with_block(path, begin, end, content).encode())


def with_block(path: str | Path, begin: str, end: str, content: str) -> str:
    """Return the text of a Markdown file with other content between two marker lines.

    Args:
        path: of the file.
        begin: the marker above.
        end: the marker below.
        content: Markdown, without empty lines around it.

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
