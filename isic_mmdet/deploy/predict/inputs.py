"""Finds the images of an input: a file, a folder, a zip, a glob or a list."""

import glob
import os
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import takewhile
from pathlib import Path, PurePath
from typing import NamedTuple, TypeAlias

from isic_mmdet.deploy.predict.mask_names import Found, name_masks
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

# Ending and name of each file in a format that is not read.
Skipped: TypeAlias = list[tuple[str, str]]


class Inputs(NamedTuple):
    """Images by the names of their masks, and a line about files in formats that are not read."""

    files: dict[str, SourceFile]
    skipped: str


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
    errors: list[str] = []
    all_skipped: Skipped = []
    found: dict[tuple[str, str, str | None], Found] = {}
    for text in inputs:
        skipped: Skipped = []
        try:
            images = list(_found(text, Path(os.path.realpath(out)), skipped))
        except InputError as error:
            errors.append(str(error))
            continue
        except (OSError, RuntimeError) as error:  # RuntimeError: unknown home folder
            errors.append(f'{text}: cannot be read ({error})')
            continue
        if not images:
            errors.append(f'{text}: {_why_none(Path(text).expanduser(), out, skipped)}')
        for image in images:
            # Two links to one file are two images: each name gets a mask.
            folder, name = os.path.split(image.file.path)
            found.setdefault((os.path.realpath(folder), name, image.file.member), image)
        all_skipped += skipped
    files, name_errors = name_masks(list(found.values()), out)
    if errors or name_errors:
        raise InputError('the images cannot be predicted; fix INPUT:', errors + name_errors)
    return Inputs(files, _summary(all_skipped))


def _why_none(path: Path, out: Path, skipped: Skipped) -> str:
    """Return why an input holds no image."""
    if not path.exists() and not glob.has_magic(str(path)):
        return 'no such file or folder'
    if path.is_dir() and Path(os.path.realpath(out)) in (path.resolve(), *path.resolve().parents):
        return 'it is in --out, the folder for the results, whose files are no inputs'
    others = f'; {_summary(skipped)}' if skipped else ''
    return f'no image is there that can be read{others}'


def _summary(skipped: Skipped) -> str:
    """Return one line, such as '2 files in formats that are not read: 2 .heic (...)'."""
    if not skipped:
        return ''
    by_ending: defaultdict[str, list[str]] = defaultdict(list)
    for ending, name in skipped:
        by_ending[ending].append(name if name.isprintable() else ascii(name))
    kinds = []
    for ending, names in sorted(by_ending.items(), key=lambda item: -len(item[1])):
        shown = ', '.join(names[:_SHOWN]) + (', ...' if len(names) > _SHOWN else '')
        kinds.append(f'{len(names)} {ending} ({shown}; {_REMEDIES[ending]})')
    files = '1 file' if len(skipped) == 1 else f'{len(skipped)} files'
    return f'{files} in formats that are not read: {", ".join(kinds)}'


def _found(text: str, out: Path, skipped: Skipped) -> Iterator[Found]:
    path = Path(text).expanduser()
    if path.is_dir():
        yield from _in_folder(path, out, skipped)
    elif path.is_file() and suffix(path.name) == '.zip':
        yield from _in_zip(path, skipped)
    elif path.is_file() and suffix(path.name) == '.txt':
        yield from _listed(path)
    elif error := _error_in(text):
        raise InputError(error)
    elif path.is_file():
        yield Found(path.parent, (), _plain_file(path))
    else:
        yield from _matching(path, skipped)


def _error_in(text: str) -> str | None:
    """Return what is wrong with the name of an image; None if nothing is."""
    if _URL.match(text):
        return f'{text}: a URL; download it first and give the file'
    ending = suffix(text)
    return f'{text}: {ending} is not read: {UNREAD[ending]}' if ending in UNREAD else None


def _in_folder(folder: Path, out: Path, skipped: Skipped) -> Iterator[Found]:
    def is_wanted_zip(name: str) -> bool:
        skipped.append(('.zip', name))
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
    is_wrapped = len({image.folders[:1] for image in found}) == 1
    for image in found:
        yield Found(path, image.folders[1:] if is_wrapped else image.folders, image.file)


def _listed(path: Path) -> Iterator[Found]:
    folder = path.parent
    lines = _lines(path)
    errors = [f'{path}: {error}' for error in map(_error_in, lines) if error]
    if errors:
        raise InputError('\n  - '.join(errors))
    for line in lines:
        file = folder / line
        inside = file.is_relative_to(folder) and '..' not in PurePath(line).parts
        top = folder if inside else file.parent
        yield Found(top, file.relative_to(top).parts[:-1], _plain_file(file))


def _lines(path: Path) -> list[str]:
    try:
        text = path.read_text(encoding='utf-8-sig')
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        if any('\0' in line or len(line) > _LONGEST_PATH for line in lines):
            raise ValueError('a line is not a path')
    except (OSError, ValueError) as error:  # text that is not UTF-8 is a ValueError
        raise InputError(
            f'{path}: not a list of images ({error}); write one path per line, as UTF-8 text'
        ) from error
    return lines


def _matching(pattern: Path, skipped: Skipped) -> Iterator[Found]:
    top = Path(*takewhile(lambda part: not glob.has_magic(part), pattern.parts))
    # A pattern with an explicit ending selects all files that it matches.
    is_named = bool(pattern.suffix) and not glob.has_magic(pattern.suffix)
    # Path.glob takes no absolute patterns.
    for path in sorted(map(Path, glob.glob(str(pattern), recursive=True))):  # noqa: PTH207
        if not path.is_file():
            continue
        file = _plain_file(path)
        if ending := _unread_ending(file):
            skipped.append((ending, path.name))
        elif is_named or suffix(path.name) in SUFFIXES:
            yield Found(top, path.relative_to(top).parts[:-1], file)


def _is_image(file: SourceFile, skipped: Skipped) -> bool:
    if suffix(file.name) in SUFFIXES:
        return not PurePath(file.name).stem.lower().endswith(_NOT_IMAGES)
    if ending := _unread_ending(file):
        skipped.append((ending, file.name))
    return False


def _plain_file(path: Path) -> SourceFile:
    try:
        status = path.stat()
    except OSError:
        return SourceFile(path, None, 0, 0)  # the error is reported when it is read
    return SourceFile(path, None, status.st_size, status.st_mtime_ns)


def _unread_ending(file: SourceFile) -> str | None:
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
    return '.dcm' if (unread_format(start) or '').startswith('DICOM') else None


def _start(file: SourceFile) -> bytes:
    try:
        if file.member is not None:
            return file.read()[:256]
        if file.path.is_file():
            with file.path.open('rb') as stream:
                return stream.read(256)
    except Exception:  # an unreadable file without the name of an image is no image
        pass
    return b''
