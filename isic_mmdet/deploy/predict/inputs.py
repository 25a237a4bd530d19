"""Which images are meant: by a file, a folder, a zip, a glob or a list."""

import glob
import os
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePath
from typing import NamedTuple

from isic_mmdet.deploy.predict.mask_names import Found, faults_of_names, names_of, place
from isic_mmdet.errors import InputError
from isic_mmdet.images.formats import SUFFIXES, UNREAD, suffix, unread_format
from isic_mmdet.images.sources import SourceFile, list_files

# What official folders, and folders that were predicted into, hold beside the images.
_NOT_IMAGES = ('_segmentation', '_superpixels')
_URL = re.compile(r'[a-z][a-z0-9+.-]+://', re.IGNORECASE)
_LONGEST_PATH = 4096


# Names that are shown of each format.
_SHOWN = 3
_NO_ENDING = 'without an ending'
_REMEDIES = {**UNREAD, _NO_ENDING: 'add .jpg or .png to its name'}
_PLAIN_SIGNATURES = (b'\xff\xd8\xff', b'\x89PNG\r\n\x1a\n')


class Skipped:
    """Counts files by their ending.

    Attributes:
        count: of all files.
    """

    def __init__(self) -> None:
        self.count = 0
        self._names: defaultdict[str, list[str]] = defaultdict(list)

    def add(self, ending: str, name: str) -> None:
        """Count a file with an ending of `unread_ending`."""
        self.count += 1
        self._names[ending].append(name if name.isprintable() else ascii(name))

    def __str__(self) -> str:
        """Return one line, such as '2 files in formats that are not read: 2 .heic (...)'."""
        kinds = [
            f'{len(names)} {ending} ({_some(names)}; {_REMEDIES[ending]})'
            for ending, names in sorted(self._names.items(), key=lambda item: -len(item[1]))
        ]
        files = '1 file' if self.count == 1 else f'{self.count} files'
        return f'{files} in formats that are not read: {", ".join(kinds)}'


class Inputs(NamedTuple):
    """Images, and what was found beside them.

    Attributes:
        files: images by the name of their mask: without `_segmentation.png`, but with the folders
            around it in the folder of the predictions.
        skipped: files in formats that are not read.
    """

    files: dict[str, SourceFile]
    skipped: Skipped


class _FaultError(Exception):
    """An input that cannot be used; the message says why."""


def find_images(inputs: Sequence[str], out: Path) -> Inputs:
    """Return all images that `inputs` name.

    Args:
        inputs: each an image; a folder, taken with its subfolders; a zip; a glob; or a .txt file
            with one path a line, relative ones counted from its own folder. A list may name files
            that do not exist: they turn out unreadable when their turn comes.
        out: folder of the predictions, of which nothing is taken for an image.

    Raises:
        InputError: an input does not exist, is a URL, holds no image or names one in a format
            that is not read; or an image cannot have a mask of its own.
    """
    faults = []
    skipped = Skipped()
    found: dict[tuple[str, str | None], Found] = {}
    for text in inputs:
        before = skipped.count
        try:
            images = list(_found(text, Path(os.path.realpath(out)), skipped))
        except _FaultError as fault:
            faults.append(str(fault))
            continue
        except (OSError, RuntimeError) as error:  # the latter of a home folder that nobody has
            faults.append(f'{text}: cannot be looked at ({error})')
            continue
        if skipped.count > before and not images:
            faults.append(f'{text}: no image is there that can be read; {skipped}')
        elif not images:
            faults.append(f'{text}: no image is there, and no file matches it')
        for image in images:
            found.setdefault(place(image.file), image)
    names = names_of(list(found.values()), out)
    faults += faults_of_names(names, out)
    if faults:
        raise InputError('the images cannot be predicted; correct INPUT:', faults)
    return Inputs({name: images[0].file for name, images in names.items()}, skipped)


def _found(text: str, out: Path, skipped: Skipped) -> Iterator[Found]:
    _check_no_url(text)
    path = Path(text).expanduser()
    if path.is_dir():
        yield from _in_folder(path, out, skipped)
    elif path.is_file() and suffix(path.name) == '.zip':
        yield from _in_zip(path, skipped)
    elif path.is_file() and suffix(path.name) == '.txt':
        yield from _listed(path)
    elif path.is_file():
        _check_format(path)
        yield Found(path.parent, (), _plain_file(path))
    elif path.is_symlink():
        raise _FaultError(f'{text}: a link to {path.readlink()}, which is not there')
    elif path.exists():
        raise _FaultError(f'{text}: not a file, but a pipe, socket or device')
    else:
        yield from _matching(path, skipped)


def _in_folder(folder: Path, out: Path, skipped: Skipped) -> Iterator[Found]:
    def is_wanted_zip(name: str) -> bool:
        skipped.add('.zip', name)
        return False

    for folders, file in list_files([folder], is_wanted_zip):
        if out not in file.path.parents and _is_image(file, skipped):
            yield Found(folder, tuple(folders[1:]), file)


def _in_zip(path: Path, skipped: Skipped) -> Iterator[Found]:
    found = [
        Found(path, tuple(folders[2:]), file)
        for folders, file in list_files([path], lambda name: False)
        if _is_image(file, skipped)
    ]
    # Most zips are of one folder, which bears the name of the zip.
    wrappers = {image.folders[:1] for image in found}
    if len(wrappers) == 1:
        found = [Found(path, image.folders[1:], image.file) for image in found]
    yield from found


def _listed(path: Path) -> Iterator[Found]:
    folder = path.parent
    faults = []
    for line in _lines(path):
        try:
            _check_no_url(line)
            _check_format(Path(line))
        except _FaultError as fault:
            faults.append(f'{path}: {fault}')
            continue
        file = folder / line
        inside = file.is_relative_to(folder) and '..' not in PurePath(line).parts
        folders = file.relative_to(folder).parts[:-1] if inside else ()
        yield Found(folder if inside else file.parent, folders, _plain_file(file))
    if faults:
        raise _FaultError('\n  - '.join(faults))


def _matching(pattern: Path, skipped: Skipped) -> Iterator[Found]:
    fixed = [*pattern.parts]
    while any(map(glob.has_magic, fixed)):
        fixed.pop()
    top = Path(*fixed) if len(fixed) < len(pattern.parts) else pattern.parent
    # An ending that is written out means these files, whatever they are.
    is_named = bool(pattern.suffix) and not glob.has_magic(pattern.suffix)
    # Path.glob takes no absolute patterns.
    for path in sorted(map(Path, glob.glob(str(pattern), recursive=True))):  # noqa: PTH207
        if not path.is_file():
            continue
        file = _plain_file(path)
        ending = unread_ending(file)
        if ending is not None:
            skipped.add(ending, path.name)
        elif is_named or suffix(path.name) in SUFFIXES:
            yield Found(top, path.relative_to(top).parts[:-1], file)


def _check_no_url(text: str) -> None:
    if _URL.match(text):
        raise _FaultError(f'{text}: a URL; download it first, and name the file')


def _check_format(path: Path) -> None:
    ending = suffix(path.name)
    if ending in UNREAD:
        raise _FaultError(f'{path}: {ending} is not read: {UNREAD[ending]}')


def _lines(path: Path) -> list[str]:
    try:
        text = path.read_text(encoding='utf-8-sig')
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f'{path}: cannot be read as UTF-8 text ({error}); write one path a line'
        ) from error
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if any('\0' in line or len(line) > _LONGEST_PATH for line in lines):
        raise InputError(f'{path}: holds lines that are no paths; write one path a line')
    return lines


def _is_image(file: SourceFile, skipped: Skipped) -> bool:
    if suffix(file.name) in SUFFIXES:
        return not PurePath(file.name).stem.lower().endswith(_NOT_IMAGES)
    ending = unread_ending(file)
    if ending is not None:
        skipped.add(ending, file.name)
    return False


def _plain_file(path: Path) -> SourceFile:
    try:
        status = path.stat()
    except OSError:
        return SourceFile(path, None, 0, 0)  # reading it will say why
    return SourceFile(path, None, status.st_size, status.st_mtime_ns)


def _some(names: list[str]) -> str:
    return ', '.join([*names[:_SHOWN], *(['...'] if len(names) > _SHOWN else [])])


def unread_ending(file: SourceFile) -> str | None:
    """Return the ending of an image that is not read; None for what is read or is no image.

    DICOM files often have no ending, or end in the digits of an identifier: these are looked into.
    """
    ending = suffix(file.name)
    if ending in UNREAD:
        return ending
    if ending and not ending[1:].isdigit():
        return None
    start = _start(file)
    if start.startswith(_PLAIN_SIGNATURES):
        return _NO_ENDING
    told = unread_format(start)
    return '.dcm' if told is not None and told.startswith('DICOM') else None


def _start(file: SourceFile) -> bytes:
    try:
        if file.member is not None:
            return file.read()[:256]
        if not file.path.is_file():
            return b''
        with file.path.open('rb') as stream:
            return stream.read(256)
    except Exception:  # whatever is wrong with it, no image is lost: it has no image's name
        return b''
