"""Writing files so that no reader, and no run after a kill, finds an incomplete one."""

import errno
import hashlib
import json
import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from isic_mmdet.errors import InputError

#: What helps if the operating system refuses a file, by the number of its error.
REMEDIES = {
    errno.ENOSPC: 'free some space, or write elsewhere',
    errno.EDQUOT: 'free some of your quota, or write elsewhere',
    errno.EFBIG: 'write to a file system that takes larger files',
    errno.EROFS: 'write elsewhere',
    errno.EACCES: 'change its permissions, or use another place',
    errno.EPERM: 'change its permissions, or use another place',
    errno.EIO: 'check the disk, or use another place',
    errno.ENOTDIR: 'a folder is needed where a file is, use another place',
    errno.EEXIST: 'a folder is needed where a file is, use another place',
    errno.EISDIR: 'a file is needed where a folder is, use another place',
    errno.ENAMETOOLONG: 'choose a shorter name',
}


@contextmanager
def writing(path: str | Path) -> Iterator[None]:
    """Run a block that writes a file.

    Raises:
        InputError: the operating system refuses; the message names `path` and a remedy.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in REMEDIES:
            raise
        raise InputError(
            f'{path} cannot be written ({os.strerror(error.errno)}), and its earlier content is '
            f'unchanged; {REMEDIES[error.errno]}'
        ) from error


def write_atomically(
    path: str | Path, data: bytes | Iterable[bytes], writer: str = '', durable: bool = False
) -> None:
    """Write a file under a temporary name in its folder, which is created, and then rename it.

    The temporary name is fixed, so the next run overwrites what a killed one left.

    Args:
        path: of the file.
        data: its complete content, at once or in parts.
        writer: distinguishes processes that may write the same file at the same time.
        durable: wait until the data are on the disk, so that the file survives a loss of power.

    Raises:
        InputError: as `writing`.
    """
    path = Path(path)
    part = path.with_name(f'.{path.name}{writer}.part')
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with part.open('wb') as file:
                for content in (data,) if isinstance(data, bytes) else data:
                    file.write(content)
                if durable:
                    file.flush()
                    os.fsync(file.fileno())
            part.replace(path)
        finally:
            with suppress(NotADirectoryError):  # where a file has the name of the folder
                part.unlink(missing_ok=True)


def write_json(path: Path, value: Any, indent: int | None = None) -> None:
    """Write `value` as UTF-8 JSON atomically, keys in their order."""
    separators = (',', ':') if indent is None else None
    text = json.dumps(value, indent=indent, separators=separators, ensure_ascii=False)
    # Bytes of a path that are not text become the escapes of JSON.
    write_atomically(path, (text + '\n').encode(errors='backslashreplace'))


def read_json(path: Path, remedy: str) -> Any:
    """Return the content of a JSON file.

    Raises:
        InputError: the file is missing, not JSON, or nested too deeply; ends with `remedy`.
    """
    try:
        return json.loads(path.read_text(encoding='utf-8'))
    except OSError as error:
        raise InputError(f'{path}: cannot be read ({error.strerror}); {remedy}') from error
    except (ValueError, RecursionError) as error:
        raise InputError(f'{path}: not JSON ({error}); {remedy}') from error


def sha256_together(paths: Sequence[str | Path]) -> str:
    """Return the SHA-256 of a file; of several, that of their digests in the order given."""
    digests = [sha256(path) for path in paths]
    if len(digests) == 1:
        return digests[0]
    return hashlib.sha256(' '.join(digests).encode()).hexdigest()


def sha256(path: str | Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    digest = hashlib.sha256()
    with Path(path).open('rb') as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def require_not_read(out: str | Path, inputs: Iterable[str | Path | None]) -> None:
    """Raise an `InputError` if `out` is one of the files that are read for it."""
    if Path(out).resolve() in {Path(path).resolve() for path in inputs if path is not None}:
        raise InputError(f'--out {out} is also an input; name another file')


def require_writable(*files: str | Path | None) -> None:
    """Create the folders of files that long work will end with, and try to write there.

    Raises:
        InputError: as `writing`.
    """
    for file in files:
        if file is not None:
            with writing(file):
                folder = Path(file).parent
                folder.mkdir(parents=True, exist_ok=True)
                tempfile.TemporaryFile(dir=folder).close()


def require_text(*paths: str | Path | None) -> None:
    """Raise an `InputError` for a path that is not text in this locale.

    Configs are written as UTF-8, and OpenCV ends the process if it gets such a path.
    """
    for path in paths:
        try:
            str(path).encode()
        except UnicodeEncodeError as error:
            raise InputError(
                f'{os.fsencode(path or "")!r}: this name is not text in this locale; '
                'set PYTHONUTF8=1 or LC_ALL=C.UTF-8, or rename it'
            ) from error
