"""Names of the masks in the folder of the predictions.

A mask has the same subfolders as its image has below its input. If two inputs contain the same
path, the names of the inputs are put in front. If two images of a folder differ only in the ending,
the ending stays in the name.
"""

import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from isic_mmdet.images.sources import SourceFile

# File names have at most 255 bytes; the temporary name of a mask is 25 bytes longer.
_LONGEST_NAME = 230
# Paths have at most 4096 bytes; the rest is for the ending of the mask.
_LONGEST_PATH = 4000


@dataclass(frozen=True)
class Found:
    """An image of an input.

    Attributes:
        top: folder or zip of the input.
        folders: subfolders of the image in it.
        file: the image.
    """

    top: Path
    folders: tuple[str, ...]
    file: SourceFile


def file_identity(file: SourceFile) -> tuple[str, str | None]:
    """Return a key that is equal for two paths of one file."""
    return os.path.realpath(file.path), file.member  # it accepts circular links


def names_of(found: Sequence[Found], out: Path) -> dict[str, list[Found]]:
    """Return the images by the names of their masks; see the module.

    Args:
        found: different images.
        out: folder of the predictions, which may exist.

    Returns:
        Names without `_segmentation.png`, each with its images; more than one is an error.
    """
    fold = str.casefold if ignores_case(out) else str
    names = {image: '/'.join((*image.folders, PurePath(image.file.name).stem)) for image in found}
    tops = {
        image.top
        for images in _clashes(names, fold)
        if len({image.top for image in images}) > 1
        for image in images
    }
    prefixes = _prefixes(tops)
    for image in found:
        names[image] = f'{prefixes.get(image.top, "")}{names[image]}'
    # Twice, because a name with ending may equal the name of another image without ending.
    for _ in range(2):
        for images in _clashes(names, fold):
            for image in images:
                names[image] = str(PurePath(names[image]).with_name(image.file.name))
    by_name: dict[str, list[Found]] = {}
    for images in _by_name(names, fold):
        by_name[names[images[0]]] = images
    return by_name


def name_errors(names: Mapping[str, Sequence[Found]], out: Path) -> list[str]:
    """Return a line for each image with an impossible name or the name of another image."""
    errors = []
    for name, images in names.items():
        file, *others = [image.file for image in images]
        last = name.rpartition('/')[2]
        if (
            not name.isprintable()
            or len(last.encode()) > _LONGEST_NAME
            or len(os.fsencode(out / name)) > _LONGEST_PATH
        ):
            errors.append(f'{str(file)!a}: this name is not possible for a mask; rename it')
        errors += [f'{file} and {other} would share the mask of {name}' for other in others]
    return errors


def _prefixes(tops: Iterable[Path]) -> dict[Path, str]:
    """Return the paths of inputs relative to their common folder, each with a slash at the end."""
    absolute = {top: Path(os.path.abspath(top)) for top in tops}  # noqa: PTH100 - keep links
    if not absolute:
        return {}
    common = os.path.commonpath(absolute.values())
    prefixes = {}
    for top, path in absolute.items():
        prefix = path.relative_to(common)
        parts = (prefix.with_suffix('') if _is_zip(top) else prefix).parts
        prefixes[top] = ''.join(f'{part}/' for part in parts)
    return prefixes


def _is_zip(path: Path) -> bool:
    return path.suffix.lower() == '.zip' and path.is_file()


def _clashes(names: Mapping[Found, str], fold: Callable[[str], str]) -> list[list[Found]]:
    return [images for images in _by_name(names, fold) if len(images) > 1]


def _by_name(names: Mapping[Found, str], fold: Callable[[str], str]) -> list[list[Found]]:
    groups: defaultdict[str, list[Found]] = defaultdict(list)
    for image, name in names.items():
        groups[fold(name)].append(image)
    return list(groups.values())


def ignores_case(folder: Path) -> bool:
    """Return whether the file system of a folder ignores the case of names."""
    path = Path(os.path.abspath(folder))  # noqa: PTH100 - may not exist
    while path != path.parent:
        other = path.with_name(path.name.swapcase())
        if path.exists() and other != path:
            return other.exists() and other.samefile(path)
        path = path.parent
    return False
