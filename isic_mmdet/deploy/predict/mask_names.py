"""Where the mask of each image lies in the folder of the predictions.

Masks stand there as the images stand below the input that they were found in. Where two inputs
hold the same path, the inputs' own names come first; where two images of one folder differ by
nothing but the ending, the ending stays in the name.
"""

import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from isic_mmdet.images.sources import SourceFile

# A name has 255 bytes at most, and that of a mask, while it is written, is longer by 25.
_LONGEST_NAME = 230
# A path has 4096 bytes at most; those of the mask's ending are left.
_LONGEST_PATH = 4000


@dataclass(frozen=True)
class Found:
    """An image and where it was found.

    Attributes:
        top: folder or zip that the input named.
        folders: below it that the image lies in.
        file: the image.
    """

    top: Path
    folders: tuple[str, ...]
    file: SourceFile


def place(file: SourceFile) -> tuple[str, str | None]:
    """Return what is the same for one file under two paths."""
    return os.path.realpath(file.path), file.member  # which bears with links in a circle


def names_of(found: Sequence[Found], out: Path) -> dict[str, list[Found]]:
    """Return the images by the names of their masks; see the module.

    Args:
        found: different images.
        out: folder of the predictions, which may exist.

    Returns:
        Name without `_segmentation.png`, to the images that would have it: one, or else a fault.
    """
    fold = str.casefold if _ignores_case(out) else str
    names = {image: '/'.join((*image.folders, PurePath(image.file.name).stem)) for image in found}
    tops = {
        image.top
        for images in _clashes(names, fold)
        if len({image.top for image in images}) > 1
        for image in images
    }
    fronts = _fronts(tops)
    for image in found:
        names[image] = f'{fronts.get(image.top, "")}{names[image]}'
    # Twice, for a name with its ending may be that of another image without.
    for _ in range(2):
        for images in _clashes(names, fold):
            for image in images:
                names[image] = str(PurePath(names[image]).with_name(image.file.name))
    by_name: dict[str, list[Found]] = {}
    for images in _by_name(names, fold):
        by_name[names[images[0]]] = images
    return by_name


def faults_of_names(names: Mapping[str, Sequence[Found]], out: Path) -> list[str]:
    """Return one line for each image that cannot have a mask, or none of its own."""
    faults = []
    for name, images in names.items():
        file, *others = [image.file for image in images]
        last = name.rpartition('/')[2]
        if (
            not name.isprintable()
            or len(last.encode()) > _LONGEST_NAME
            or len(os.fsencode(out / name)) > _LONGEST_PATH
        ):
            faults.append(f'{str(file)!a}: no name for a mask; rename it')
        faults += [f'{file} and {other} would share the mask of {name}' for other in others]
    return faults


def _fronts(tops: Iterable[Path]) -> dict[Path, str]:
    """Return what tells inputs apart: their paths from the folder that holds them all."""
    absolute = {top: Path(os.path.abspath(top)) for top in tops}  # noqa: PTH100 - links stay
    if not absolute:
        return {}
    common = os.path.commonpath(absolute.values())
    fronts = {}
    for top, path in absolute.items():
        front = path.relative_to(common)
        parts = (front.with_suffix('') if _is_zip(top) else front).parts
        fronts[top] = ''.join(f'{part}/' for part in parts)
    return fronts


def _is_zip(path: Path) -> bool:
    return path.suffix.lower() == '.zip' and path.is_file()


def _clashes(names: Mapping[Found, str], fold: Callable[[str], str]) -> list[list[Found]]:
    return [images for images in _by_name(names, fold) if len(images) > 1]


def _by_name(names: Mapping[Found, str], fold: Callable[[str], str]) -> list[list[Found]]:
    groups: defaultdict[str, list[Found]] = defaultdict(list)
    for image, name in names.items():
        groups[fold(name)].append(image)
    return list(groups.values())


def _ignores_case(folder: Path) -> bool:
    """Return whether a file system takes names for the same that differ in case alone."""
    path = Path(os.path.abspath(folder))  # noqa: PTH100 - what is missing has no real path
    while path != path.parent:
        other = path.with_name(path.name.swapcase())
        if path.exists() and other != path:
            return other.exists() and other.samefile(path)
        path = path.parent
    return False
