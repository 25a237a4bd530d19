"""Writing files so that a reader, or the next run after a kill, never sees half of one."""

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

# What the operating system says where not the program is at error, and what helps.
_REMEDIES = {
    errno.ENOSPC: 'free some space, or write elsewhere',
    errno.EDQUOT: 'free some of your quota, or write elsewhere',
    errno.EFBIG: 'write to a file system that takes larger files',
    errno.EROFS: 'write elsewhere',
    errno.EACCES: 'change its permissions, or write elsewhere',
    errno.EPERM: 'change its permissions, or write elsewhere',
    errno.EIO: 'check the disk, or write elsewhere',
    errno.ENOTDIR: 'write elsewhere',
    errno.EEXIST: 'remove the file that lies where a folder should be, or write elsewhere',
    errno.EISDIR: 'remove the folder of that name, or write elsewhere',
    errno.ENAMETOOLONG: 'choose a shorter name',
}


@contextmanager
def writing(path: str | Path) -> Iterator[None]:
    """Run a block that writes a file, and say what to do where the system refuses it.

    Args:
        path: of the file, for the message.

    Raises:
        InputError: the disk is full, read-only or broken, or the place is no place for a file.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in _REMEDIES:
            raise
        reason = os.strerror(error.errno)
        raise InputError(
            f'{path} cannot be written ({reason}); what was there before is untouched. '
            f'To continue, {_REMEDIES[error.errno]}'
        ) from error


def write_atomically(
    path: str | Path, data: bytes, writer: str = '', durable: bool = False
) -> None:
    """Write a file under a temporary name next to its place, then move it there.

    Folders that are missing are made. The temporary name is fixed, so that what a killed run
    left behind is written over by the next one.

    Args:
        path: of the file.
        data: its whole content.
        writer: tells processes apart that may write the same file at the same time.
        durable: whether the data have to be on the disk before the file takes its place, so that
            it survives a loss of power, too; a tenth of a second and more.

    Raises:
        InputError: as `writing`.
    """
    path = Path(path)
    part = path.with_name(f'.{path.name}{writer}.part')
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with part.open('wb') as file:
                file.write(data)
                if durable:
                    file.flush()
                    os.fsync(file.fileno())
            part.replace(path)
        finally:
            _remove(part)


def _remove(part: Path) -> None:
    with suppress(NotADirectoryError):  # where a file has the name of the folder
        part.unlink(missing_ok=True)


def require_not_read(out: str | Path, inputs: Iterable[str | Path | None]) -> None:
    """Refuse to write a file over one that is read for it.

    Args:
        out: file that is to be written.
        inputs: files that are read, by whatever path; None stands for one that was not given.

    Raises:
        InputError: `out` is one of them.
    """
    for path in inputs:
        if path is not None and Path(out).resolve() == Path(path).resolve():
            raise InputError(f'--out {out} is read too and would be overwritten; name another file')


def write_json(path: Path, value: Any, indent: int | None = None) -> None:
    """Write `value` as UTF-8 JSON, keys in the order given, atomically."""
    separators = (',', ':') if indent is None else None
    text = json.dumps(value, indent=indent, separators=separators, ensure_ascii=False)
    # Bytes of a path that are no text are told by the escapes that JSON has.
    write_atomically(path, (text + '\n').encode(errors='backslashreplace'))


def read_json(path: Path, remedy: str) -> Any:
    """Return the content of a JSON file.

    Args:
        path: of the file.
        remedy: how to fix a file that cannot be read, for the message.

    Raises:
        InputError: the file is missing, not text, not JSON, or nested too deeply.
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


def require_writable(*files: str | Path | None) -> None:
    """Make the folders of files that a long work will end with, and try to write there.

    Args:
        files: None is passed over.

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

    Python keeps the bytes of such a name, but configs are written as UTF-8, and OpenCV, which gets
    the paths of images, ends the process.

    Args:
        paths: None is passed over.
    """
    for path in paths:
        try:
            str(path).encode()
        except UnicodeEncodeError as error:
            raise InputError(
                f'{os.fsencode(path or "")!r}: this name is not text in this locale; set '
                'PYTHONUTF8=1 or LC_ALL=C.UTF-8, or rename it'
            ) from error
