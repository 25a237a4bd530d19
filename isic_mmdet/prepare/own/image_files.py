"""The image files of an own data set, in a folder or a zip, by their ids.

The id of an image is its path below the folder without the ending, such as `clinic/0001`. Prepared
files have the same path.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath

from isic_mmdet.errors import InputError
from isic_mmdet.images.formats import SUFFIXES, UNREAD, suffix
from isic_mmdet.images.sources import SourceFile, list_files
from isic_mmdet.isic.layouts import PairError
from isic_mmdet.masks.mask_names import comparable

# Names of files have at most 255 bytes; the longest addition is that of a mask while it is written.
_LONGEST_NAME = 220
_LONGEST_PATH = 2000


@dataclass
class ImageFiles:
    """Image files by id, in id order, and what is wrong with others."""

    files: dict[str, SourceFile] = field(default_factory=dict)
    errors: list[PairError] = field(default_factory=list)
    others: list[str] = field(default_factory=list)  # files that are no images


def find_images(source: Path, option: str) -> ImageFiles:
    """List the images below a folder or in a zip; zips in the folder are opened, too.

    Args:
        source: the folder or zip.
        option: that named it, for messages.

    Raises:
        InputError: the source does not exist or cannot be listed.
    """
    if not source.exists():
        raise InputError(f'{source}: no such folder or zip; correct {option}')
    # The name of the folder, or the folder and name of the zip, are no part of the id.
    skipped = 1 if source.is_dir() else 1 + (source.suffix.lower() == '.zip')
    listed = list_files([source], lambda name: True)
    return by_id(
        [('/'.join([*folders[skipped:], PurePath(f.name).stem]), f) for folders, f in listed]
    )


def by_id(named: Sequence[tuple[str, SourceFile]]) -> ImageFiles:
    """Sort files with an id each into images, others, and errors."""
    found = ImageFiles()
    known: dict[str, list[tuple[str, SourceFile]]] = {}
    for image_id, file in named:
        ending = suffix(file.name)
        if ending in UNREAD:
            detail = f'{str(file)!a}: {ending[1:].upper()} is not read: {UNREAD[ending]}'
            found.errors.append(PairError(_shown(image_id), 'unread format', detail))
        elif ending not in SUFFIXES:
            found.others.append(_shown(file.name))
        elif problem := _id_problem(image_id):
            detail = f'{str(file)!a}: {problem}; rename it'
            found.errors.append(PairError(_shown(image_id), 'impossible name', detail))
        else:
            known.setdefault(comparable(image_id), []).append((image_id, file))
    for same in known.values():
        image_id, file = same[0]
        if len(same) == 1:
            found.files[image_id] = file
        else:
            places = ' and '.join(sorted(str(each) for _, each in same))
            found.errors.append(PairError(image_id, 'found twice', f'{places}; keep one of them'))
    found.files = dict(sorted(found.files.items()))
    found.others.sort()
    return found


def _id_problem(image_id: str) -> str | None:
    if not image_id.isprintable():
        return 'a line break, or bytes that are no text, in its name'
    if any(len(part.encode()) > _LONGEST_NAME for part in image_id.split('/')):
        return f'a name of over {_LONGEST_NAME} bytes'
    if len(image_id.encode()) > _LONGEST_PATH:
        return f'a path of over {_LONGEST_PATH} bytes'
    return None


def _shown(name: str) -> str:
    return name if name.isprintable() else ascii(name)
