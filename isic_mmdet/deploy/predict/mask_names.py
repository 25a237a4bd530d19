"""Names of the masks in the folder of the predictions.

A mask has the same subfolders as its image has below its input. If two inputs contain the same
path, the names of the inputs are put in front. If two images of a folder differ only in the ending,
the ending stays in the name.
"""

import os
from collections import defaultdict
from collections.abc import Iterable, Sequence
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


def name_masks(found: Sequence[Found], out: Path) -> tuple[dict[str, SourceFile], list[str]]:
    """Return different images by the names of their masks, without `_segmentation.png`.

    Args:
        found: different images.
        out: folder of the predictions, which may exist.

    Returns:
        The images, and a line for each one with an impossible name or the name of another image.
    """
    fold = str.casefold if ignores_case(out) else str
    names = {image: '/'.join((*image.folders, PurePath(image.file.name).stem)) for image in found}

    def with_one_name() -> list[list[Found]]:
        groups: defaultdict[str, list[Found]] = defaultdict(list)
        for image, name in names.items():
            groups[fold(name)].append(image)
        return [images for images in groups.values() if len(images) > 1]

    tops = [{image.top for image in images} for images in with_one_name()]
    prefixes = _prefixes({top for several in tops if len(several) > 1 for top in several})
    for image in found:
        names[image] = prefixes.get(image.top, '') + names[image]
    # Twice, because a name with ending may equal the name of another image without ending.
    for _ in range(2):
        for images in with_one_name():
            for image in images:
                names[image] = str(PurePath(names[image]).with_name(image.file.name))
    errors = [
        f'{str(image.file)!a}: this name is not possible for a mask; rename it'
        for image, name in names.items()
        if not name.isprintable()
        or len(PurePath(name).name.encode()) > _LONGEST_NAME
        or len(os.fsencode(out / name)) > _LONGEST_PATH
    ]
    errors += [
        f'{first.file} and {other.file} would share the mask of {names[first]}'
        for first, *others in with_one_name()
        for other in others
    ]
    return {name: image.file for image, name in names.items()}, errors


def _prefixes(tops: Iterable[Path]) -> dict[Path, str]:
    """Return the paths of inputs relative to their common folder, each with a slash at the end."""
    absolute = {top: Path(os.path.abspath(top)) for top in tops}  # noqa: PTH100 - keep links
    prefixes = {}
    for top, path in absolute.items():
        is_zip = path.suffix.lower() == '.zip' and path.is_file()
        named = path.with_suffix('') if is_zip else path
        parts = named.relative_to(os.path.commonpath(absolute.values())).parts
        prefixes[top] = ''.join(f'{part}/' for part in parts)
    return prefixes


def ignores_case(folder: Path) -> bool:
    """Return whether the file system of a folder ignores the case of names."""
    path = Path(os.path.abspath(folder))  # noqa: PTH100 - may not exist
    while path != path.parent:
        other = path.with_name(path.name.swapcase())
        if path.exists() and other != path:
            return other.exists() and other.samefile(path)
        path = path.parent
    return False
