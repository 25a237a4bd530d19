"""How the name of a mask follows from the name of its image.

An image is named by its path without its ending, such as `clinic/0001`. Letter case and the two
ways in which Unicode writes an accent make no difference.
"""

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from isic_mmdet.errors import InputError

#: What tools append to the name of the image; '' if the mask has the same name.
MASK_SUFFIXES = ('_segmentation', '_lesion', '_mask', '-mask', '_contour', '')


class NamedMasks(NamedTuple):
    """The masks of the images of a set.

    Attributes:
        suffix: that was used.
        of_image: the masks of each image that has some; more than one is an error of the data.
        unused: masks without an image.
    """

    suffix: str
    of_image: dict[str, list[str]]
    unused: list[str]

    def __str__(self) -> str:
        appended = f' + `{self.suffix}`' if self.suffix else ''
        return f'{len(self.of_image)} pairs: mask = image name{appended}'


def comparable(name: str) -> str:
    """Return a name in the form in which equal names are equal."""
    return unicodedata.normalize('NFC', name).casefold()


def find_masks(
    images: Sequence[str], masks: Sequence[str], suffix: str | None = None
) -> NamedMasks:
    """Find the masks of images by their names.

    A mask belongs to the image with the same folders. If no other image has this name without the
    folders, the folders may differ.

    Args:
        images: their names.
        masks: names of the masks.
        suffix: what masks have behind the name of the image; None finds the one of `MASK_SUFFIXES`
            that fits most images.

    Raises:
        InputError: no suffix fits, or two fit equally well.
    """
    suffixes = MASK_SUFFIXES if suffix is None else (suffix,)
    examples = f'images are named such as {_example(images)}, masks such as {_example(masks)}'
    return _best([match_names(images, masks, each) for each in suffixes], examples)


def suffix_among(names: Sequence[str], suffix: str | None = None) -> str:
    """Return the suffix of the masks that lie among their images; see `find_masks`.

    Raises:
        InputError: no suffix fits, or two fit equally well.
    """
    found = []
    for each in filter(None, MASK_SUFFIXES if suffix is None else (suffix,)):
        images = [name for name in names if not has_suffix(name, each)]
        found.append(match_names(images, names, each))
    return _best(found, f'all files are named such as {_example(names)}').suffix


def has_suffix(name: str, suffix: str) -> bool:
    """Return whether a file is named as a mask."""
    return comparable(name).endswith(comparable(suffix))


def _best(found: Sequence[NamedMasks], examples: str) -> NamedMasks:
    most = max((len(named.of_image) for named in found), default=0)
    best = [named for named in found if len(named.of_image) == most]
    if most == 0:
        raise InputError(
            f'no mask belongs to an image: {examples}; name the masks with --masks, or what they '
            'have behind the name of the image with --mask-suffix'
        )
    if len(best) > 1:
        listed = ' and '.join(repr(named.suffix) for named in best)
        raise InputError(
            f'the mask suffixes {listed} fit equally well, {most} images each; choose one with '
            '--mask-suffix'
        )
    return best[0]


def suffix_of(masks: Sequence[str]) -> str:
    """Return the suffix of `MASK_SUFFIXES` that most of some masks have, '' if there is none."""
    for suffix in filter(None, MASK_SUFFIXES):
        if 2 * sum(has_suffix(mask, suffix) for mask in masks) > len(masks):
            return suffix
    return ''


def match_names(images: Sequence[str], masks: Sequence[str], suffix: str) -> NamedMasks:
    """Find the masks of images that have a suffix; see `find_masks`."""
    ending = comparable(suffix)
    bases = {mask: comparable(mask) for mask in masks}
    bases = {
        mask: base.removesuffix(ending) for mask, base in bases.items() if base.endswith(ending)
    }
    by_path, by_name = _grouped(bases), _grouped({m: _name(base) for m, base in bases.items()})
    paths = {image: comparable(image) for image in images}
    same_name = _grouped({image: _name(path) for image, path in paths.items()})
    of_image = {}
    for image, path in paths.items():
        name = _name(path)
        found = by_path.get(path, [])
        if not found and len(same_name[name]) == 1:
            found = by_name.get(name, [])
        if found:
            of_image[image] = found
    used = {mask for found in of_image.values() for mask in found}
    return NamedMasks(suffix, of_image, [mask for mask in bases if mask not in used])


def _grouped(keys: Mapping[str, str]) -> dict[str, list[str]]:
    groups: defaultdict[str, list[str]] = defaultdict(list)
    for name, key in keys.items():
        groups[key].append(name)
    return groups


def _name(path: str) -> str:
    return path.rpartition('/')[2]


def _example(names: Iterable[str]) -> str:
    return repr(min(names, default='none'))
