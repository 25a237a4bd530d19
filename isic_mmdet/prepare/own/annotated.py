"""Samples from an export of an annotation tool and a folder of images."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from numpy.typing import NDArray

from isic_mmdet.errors import InputError
from isic_mmdet.images.sources import SourceFile
from isic_mmdet.isic.layouts import PairError
from isic_mmdet.prepare.convert import Sample
from isic_mmdet.prepare.own.image_names import ImageNames
from isic_mmdet.prepare.own.outlines import AnnotatedImage, Export, draw_lesions
from isic_mmdet.prepare.record import digest
from isic_mmdet.prepare.truth import Outlines, TruthError

_SHOWN = 3


@dataclass
class AnnotatedImages:
    """The images of a folder that an export has outlines for.

    Attributes:
        samples: by id, in id order.
        categories: names of the categories of the lesions, by id.
        errors: of single images.
        notes: what the user should know and may be intended.
    """

    samples: dict[str, Sample] = field(default_factory=dict)
    categories: dict[str, list[str]] = field(default_factory=dict)
    errors: list[PairError] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def annotated_images(
    export: Export, source: str, images: Mapping[str, SourceFile], one_lesion: bool
) -> AnnotatedImages:
    """Find the image of every entry of an export.

    Args:
        export: what a reader returned.
        source: its file or folder, for messages.
        images: files by id.
        one_lesion: all outlines of an image are one lesion, instead of one each.

    Raises:
        InputError: no entry belongs to an image.
    """
    names, found = ImageNames(images), AnnotatedImages()
    entries: defaultdict[str, list[AnnotatedImage]] = defaultdict(list)
    for image in export.images:
        ids = names.find(image.file_name)
        if len(ids) == 1:
            entries[ids[0]].append(image)
        elif ids:
            detail = f'{source}: it may be {" or ".join(ids[:4])}; name its folder in the export'
            found.errors.append(PairError(image.file_name, 'ambiguous image', detail))
        else:
            detail = f'{source} names it, and no image has this name; add it to --images'
            found.errors.append(PairError(image.file_name, 'unknown image', detail))
    if not entries:
        example = next(iter(images), 'none')
        named = [image.file_name for image in export.images]
        named += [error.file_name for error in export.errors]
        raise InputError(
            f'no outline of {source} can be used: it names {named[0] if named else "no image"}, '
            f'and the images have names such as {example}; correct --images, or the errors:',
            [
                *map(str, found.errors),
                *(f'{error.file_name}: {error.kind}: {error.detail}' for error in export.errors),
            ],
        )
    wrong = set()
    for error in export.errors:
        ids = names.find(error.file_name)
        wrong.update(ids)
        image_id = ids[0] if len(ids) == 1 else error.file_name
        found.errors.append(PairError(image_id, error.kind, error.detail))
    for image_id in sorted(entries):
        first, *others = entries[image_id]
        if others:
            listed = ' and '.join(each.file_name for each in entries[image_id])
            detail = f'{source} names it as {listed}; keep one of them'
            found.errors.append(PairError(image_id, 'annotated twice', detail))
        elif image_id not in wrong:
            found.samples[image_id] = _sample(image_id, images[image_id], first, source, one_lesion)
            found.categories[image_id] = sorted({lesion.category for lesion in first.lesions})
    if rest := sorted(images.keys() - entries.keys() - wrong):
        listed = ', '.join(rest[:_SHOWN])
        found.notes.append(f'{len(rest)} images have no entry in {source} (such as {listed})')
    return found


def _sample(
    image_id: str, file: SourceFile, image: AnnotatedImage, source: str, one_lesion: bool
) -> Sample:
    name = f'{source}, {image.file_name}'
    identity = digest(image, one_lesion)
    truth = Outlines(name, identity, partial(_drawn, image, name, one_lesion))
    return Sample(image_id, file, truth)


def _drawn(
    image: AnnotatedImage, name: str, one_lesion: bool, height: int, width: int
) -> Sequence[tuple[NDArray[np.bool_], str]]:
    """Return the masks of an image; the class is that of the image, see `Outlines.draw`."""
    masks = draw_lesions(image, height, width)
    if isinstance(masks, tuple):
        kind, detail = masks
        raise TruthError(kind, f'{name}: {detail}')
    if one_lesion:
        masks = [np.logical_or.reduce(masks)]
    return [(mask, '') for mask in masks]
