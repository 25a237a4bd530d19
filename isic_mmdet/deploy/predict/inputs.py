"""Finds the images of an input: a file, a folder, a zip, a glob or a list."""

import glob
import os
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePath
from typing import NamedTuple

from isic_mmdet.deploy.predict.mask_names import Found, file_identity, name_errors, names_of
from isic_mmdet.errors import InputError
from isic_mmdet.images.formats import SUFFIXES, UNREAD, suffix, unread_format
from isic_mmdet.images.sources import SourceFile, list_files

# Files next to the images in official folders and in folders with predictions.
_NOT_IMAGES = ('_segmentation', '_superpixels')
_URL = re.compile(r'[a-z][a-z0-9+.-]+://', re.IGNORECASE)
_LONGEST_PATH = 4096
# Number of names in a message about a format.
_SHOWN = 3
_NO_ENDING = 'without an ending'
_REMEDIES = {**UNREAD, _NO_ENDING: 'add .jpg or .png to its name'}
_PLAIN_SIGNATURES = (b'\xff\xd8\xff', b'\x89PNG\r\n\x1a\n')


class Skipped:
    """Counts skipped files by their ending.

    Attributes:
        count: number of all files.
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
    """Images, and the files that were skipped.

    Attributes:
        files: images by the path of their mask in the output folder, without `_segmentation.png`.
        skipped: files in formats that are not read.
    """

    files: dict[str, SourceFile]
    skipped: Skipped


class _UnusableError(Exception):
    """An input cannot be used; the message gives the reason."""


def find_images(inputs: Sequence[str], out: Path) -> Inputs:
    """Return all images that `inputs` name.

    Args:
        inputs: each an image; a folder, taken with its subfolders; a zip; a glob; or a .txt file
            with one path per line, relative to its folder. Missing files of a list are reported
            when they are read.
        out: folder of the predictions; its files are no inputs.

    Raises:
        InputError: an input does not exist, is a URL, holds no image, or is in a format that is
            not read; or an image cannot have its own mask.
    """
    errors = []
    skipped = Skipped()
    found: dict[tuple[str, str | None], Found] = {}
    for text in inputs:
        before = skipped.count
        try:
            images = list(_found(text, Path(os.path.realpath(out)), skipped))
        except _UnusableError as error:
            errors.append(str(error))
            continue
        except (OSError, RuntimeError) as error:  # RuntimeError: unknown home folder
            errors.append(f'{text}: cannot be read ({error})')
            continue
        if skipped.count > before and not images:
            errors.append(f'{text}: no image is there that can be read; {skipped}')
        elif not images:
            errors.append(f'{text}: no image is there, and no file matches it')
        for image in images:
            found.setdefault(file_identity(image.file), image)
    names = names_of(list(found.values()), out)
    errors += name_errors(names, out)
    if errors:
        raise InputError('the images cannot be predicted; fix INPUT:', errors)
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
        raise _UnusableError(f'{text}: a link to {path.readlink()}, which is not there')
    elif path.exists():
        raise _UnusableError(f'{text}: not a file, but a pipe, socket or device')
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
    # Most zips hold a single folder with the name of the zip.
    wrappers = {image.folders[:1] for image in found}
    if len(wrappers) == 1:
        found = [Found(path, image.folders[1:], image.file) for image in found]
    yield from found


def _listed(path: Path) -> Iterator[Found]:
    folder = path.parent
    errors = []
    for line in _lines(path):
        try:
            _check_no_url(line)
            _check_format(Path(line))
        except _UnusableError as error:
            errors.append(f'{path}: {error}')
            continue
        file = folder / line
        inside = file.is_relative_to(folder) and '..' not in PurePath(line).parts
        folders = file.relative_to(folder).parts[:-1] if inside else ()
        yield Found(folder if inside else file.parent, folders, _plain_file(file))
    if errors:
        raise _UnusableError('\n  - '.join(errors))


def _matching(pattern: Path, skipped: Skipped) -> Iterator[Found]:
    fixed = [*pattern.parts]
    while any(map(glob.has_magic, fixed)):
        fixed.pop()
    top = Path(*fixed) if len(fixed) < len(pattern.parts) else pattern.parent
    # A pattern with an explicit ending selects all files that it matches.
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
        raise _UnusableError(f'{text}: a URL; download it first and give the file')


def _check_format(path: Path) -> None:
    ending = suffix(path.name)
    if ending in UNREAD:
        raise _UnusableError(f'{path}: {ending} is not read: {UNREAD[ending]}')


def _lines(path: Path) -> list[str]:
    try:
        text = path.read_text(encoding='utf-8-sig')
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f'{path}: cannot be read as UTF-8 text ({error}); write one path per line'
        ) from error
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if any('\0' in line or len(line) > _LONGEST_PATH for line in lines):
        raise InputError(f'{path}: has lines that are no paths; write one path per line')
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
        return SourceFile(path, None, 0, 0)  # the error is reported when it is read
    return SourceFile(path, None, status.st_size, status.st_mtime_ns)


def _some(names: list[str]) -> str:
    return ', '.join([*names[:_SHOWN], *(['...'] if len(names) > _SHOWN else [])])


def unread_ending(file: SourceFile) -> str | None:
    """Return the ending of an image in a format that is not read; None for other files.

    DICOM files often have no ending, or end in digits. These are recognized by their content.
    """
    ending = suffix(file.name)
    if ending in UNREAD:
        return ending
    if ending and not ending[1:].isdigit():
        return None
    start = _start(file)
    if start.startswith(_PLAIN_SIGNATURES):
        return _NO_ENDING
    explanation = unread_format(start)
    return '.dcm' if explanation is not None and explanation.startswith('DICOM') else None


def _start(file: SourceFile) -> bytes:
    try:
        if file.member is not None:
            return file.read()[:256]
        if not file.path.is_file():
            return b''
        with file.path.open('rb') as stream:
            return stream.read(256)
    except Exception:  # nothing is lost, because it has no image's name
        return b''
