"""Files in folders and in zips, listed alike and read in place."""

import os
import stat
import struct
import threading
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath

from isic_mmdet.errors import InputError

#: No official image is larger than 20 MB; a member that claims more than this is not one.
MAX_BYTES = 512 * 2**20
#: How many times its size a member of a zip may unpack to. Images are compressed already, and
#: text shrinks to a tenth or twentieth.
MAX_EXPANSION = 100
#: Members of these formats may have shrunk to anything: they store masks without compression.
_UNCOMPRESSED = ('.bmp', '.tif', '.tiff')

_ZIP_LOCK = threading.Lock()
# What `zipfile` raises on the directory of a damaged or forged zip.
_ZIP_ERRORS = (
    OSError,
    zipfile.BadZipFile,
    ValueError,  # names that are not text
    NotImplementedError,  # a version that zipfile does not know
    OverflowError,
    struct.error,
)


@dataclass(frozen=True)
class SourceFile:
    """An input file, in a folder or inside a zip.

    Attributes:
        path: the file itself, or the zip that holds it.
        member: name inside the zip; None for a plain file.
        size: bytes, unpacked.
        stamp: modification time in nanoseconds, or the CRC-32 that the zip states.
    """

    path: Path
    member: str | None
    size: int
    stamp: int

    @property
    def name(self) -> str:
        """Base name of the file, without folders."""
        return self.path.name if self.member is None else _posix(self.member).name

    @property
    def identity(self) -> str:
        """What distinguishes this version of the file from another one without reading it."""
        return f'{self.name}:{self.size}:{self.stamp}'

    def read(self) -> bytes:
        """Return the complete content.

        Raises:
            OSError, zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError: the file
                cannot be read, is damaged (zips carry checksums) or encrypted.
        """
        if self.size > MAX_BYTES:
            raise OSError(f'{self.size} bytes are more than the {MAX_BYTES} an image may have')
        if self.member is None:
            # A pipe may never send data, and a device may have no end.
            if self.path.exists() and not (self.path.is_file() or self.path.is_dir()):
                raise OSError('not a file, but a pipe, socket or device')
            return self.path.read_bytes()
        # Threads share the handle of a zip, whose position moves.
        with _ZIP_LOCK, _open_zip(self.path).open(self.member) as file:
            # No more than the zip states: a forged member may unpack to any number of bytes.
            data = file.read(self.size)
            if file.read(1):
                raise zipfile.BadZipFile(f'unpacks to more than the {self.size} bytes it states')
            return data

    def __str__(self) -> str:
        return str(self.path) if self.member is None else f'{self.path}:{self.member}'


@lru_cache(maxsize=32)
def _open_zip(path: Path) -> zipfile.ZipFile:
    # One handle for each process, because reading the directory of a large zip takes longer than
    # reading an image from it. Processes must not share a handle.
    return zipfile.ZipFile(path)


def close_zips() -> None:
    """Forget the zips that this process has open, so that changed ones are opened again."""
    _open_zip.cache_clear()


def list_files(
    sources: Sequence[Path], is_wanted_zip: Callable[[str], bool]
) -> Iterator[tuple[list[str], SourceFile]]:
    """List every file below the sources, those in zips included, without unpacking.

    macOS leftovers (`__MACOSX`, `._name`) and other hidden files are skipped, and a folder or zip
    reached twice is listed once.

    Args:
        sources: folders, zips and plain files.
        is_wanted_zip: returns for its name whether a zip found in a folder is opened. Zips named
            in `sources` are always opened.

    Yields:
        The names of the folders (and of the zip, without `.zip`) around the file, outermost
        first, and the file.

    Raises:
        InputError: a source does not exist, a zip is damaged or holds unsafe names.
    """
    missing = [f'{source}: no such file or folder' for source in sources if not source.exists()]
    if missing:
        raise InputError('some sources do not exist; correct --src', missing)
    seen: set[Path] = set()
    for source in sources:
        if source.is_dir():
            yield from _list_folder(source.resolve(), is_wanted_zip, seen)
        else:
            # A link keeps its own name, because its target may be named by a checksum.
            folder = source.parent.resolve()
            if folder / source.name not in seen:
                seen.add(folder / source.name)
                yield from _list_file(folder / source.name, [folder.name])


def _list_folder(
    top: Path, is_wanted_zip: Callable[[str], bool], seen: set[Path]
) -> Iterator[tuple[list[str], SourceFile]]:
    # Links are followed, because large data often lie behind one; `seen` ends their circles.
    for folder_name, subfolders, names in os.walk(top, onerror=_raise, followlinks=True):
        folder = Path(folder_name)
        real = folder.resolve()
        if real in seen:
            subfolders.clear()
            continue
        seen.add(real)
        subfolders[:] = sorted(name for name in subfolders if not _is_leftover(name))
        folders = [top.name, *folder.relative_to(top).parts]
        for name in sorted(names):
            path = folder / name
            if _is_leftover(name) or real / name in seen:
                continue
            if path.suffix.lower() != '.zip' or is_wanted_zip(path.name):
                seen.add(real / name)
                yield from _list_file(path, folders)


def _list_file(path: Path, folders: list[str]) -> Iterator[tuple[list[str], SourceFile]]:
    if path.suffix.lower() != '.zip':
        # Reading reports a broken link, and anything that is not a file.
        status = path.stat() if path.is_file() else path.lstat()
        yield folders, SourceFile(path, None, status.st_size, status.st_mtime_ns)
        return
    for file in zip_files(path):
        parts = _posix(file.member or '').parts
        if not any(map(_is_leftover, parts)):
            yield [*folders, path.stem, *parts[:-1]], file


def zip_files(path: Path) -> list[SourceFile]:
    """Return the files in a zip.

    Raises:
        InputError: the zip is damaged, or holds names that lead out of it, links, or members that
            unpack to over `MAX_EXPANSION` times their size.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    except _ZIP_ERRORS as error:
        raise InputError(f'{path}: not a complete zip ({error}); download it again') from error
    unsafe = [f'{member.filename!r} {problem}' for member in members if (problem := _risk(member))]
    if unsafe:
        raise InputError(
            f'{path}: refused, because it holds names that lead out of the zip, links, or members '
            f'that unpack to over {MAX_EXPANSION} times their size; download it again, or zip the '
            'files again',
            unsafe,
        )
    return [
        SourceFile(path, member.filename, member.file_size, member.CRC)
        for member in members
        if not member.is_dir()
    ]


def _risk(member: zipfile.ZipInfo) -> str | None:
    path = _posix(member.filename)
    if path.is_absolute() or '..' in path.parts or member.filename[1:2] == ':':
        return 'leads out of the zip'
    if stat.S_ISLNK(member.external_attr >> 16):
        return 'is a link'
    is_compressed = not member.filename.lower().endswith(_UNCOMPRESSED)
    if is_compressed and member.file_size > MAX_EXPANSION * max(member.compress_size, 1):
        return f'unpacks from {member.compress_size} to {member.file_size} bytes'
    return None


def _raise(error: OSError) -> None:
    raise InputError(f'{error.filename}: cannot be listed ({error.strerror}); check its rights')


def _posix(member: str) -> PurePosixPath:
    return PurePosixPath(member.replace('\\', '/'))


def _is_leftover(name: str) -> bool:
    return name.startswith('.') or name == '__MACOSX'
