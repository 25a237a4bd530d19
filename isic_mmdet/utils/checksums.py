"""Lists of SHA-256 digests as `sha256sum` writes and checks them."""

import re
from collections.abc import Mapping
from pathlib import Path

from isic_mmdet.errors import InputError
from isic_mmdet.utils.files import write_atomically

_LINE = re.compile(r'([0-9a-fA-F]{64}) [ *](\S.*)')


def read_checksums(path: Path) -> dict[str, str]:
    """Return the lower-case digest of every file that a list names.

    Raises:
        InputError: the list cannot be read, or a line is invalid or contradicts another one.
    """
    try:
        lines = path.read_text(encoding='utf-8').splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f'{path}: cannot be read ({error}); use a list of sha256sum') from error
    digests: dict[str, str] = {}
    errors = []
    for number, line in enumerate(lines, 1):
        match = _LINE.fullmatch(line)
        if not match:
            errors.append(f'line {number}: {line[:100]!r} is no SHA-256 and name')
        elif digests.setdefault(match[2], match[1].lower()) != match[1].lower():
            errors.append(f'line {number}: {match[2]} has another digest above')
    if errors:
        raise InputError(f'{path}: not a list of checksums; fix it or write it again:', errors)
    return digests


def write_checksums(path: Path, digests: Mapping[str, str]) -> None:
    """Write a list that `sha256sum --check` accepts."""
    lines = (f'{digest}  {name}\n' for name, digest in sorted(digests.items()))
    write_atomically(path, ''.join(lines).encode())
