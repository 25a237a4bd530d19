"""Which mask belongs to which image of an own data set."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from isic_mmdet.errors import InputError
from isic_mmdet.isic.layouts import PairError
from isic_mmdet.masks.mask_names import comparable, find_masks, has_suffix, suffix_among
from isic_mmdet.prepare.convert import Sample
from isic_mmdet.prepare.own.image_files import ImageFiles, find_images
from isic_mmdet.prepare.truth import FoundMask

_SHOWN = 3


@dataclass
class OwnImages:
    """Images with their truth, by id in id order, and what the user should know of the others."""

    samples: dict[str, Sample]
    errors: list[PairError]
    notes: list[str]


def pairs_of_folders(
    images: Path, masks: Path | None, suffix: str | None, threshold: int | None
) -> OwnImages:
    """Pair the images and masks of two folders or zips, or of one that holds both.

    Args:
        images: folder or zip of the images.
        masks: of the masks; None if they lie among the images.
        suffix: what masks have behind the name of the image; None detects it.
        threshold: lowest gray value of a lesion, 1 to 255; None detects it.

    Raises:
        InputError: a source cannot be listed, holds no image, or the names do not fit.
    """
    found = find_images(images, '--images')
    if masks is None or masks.resolve() == images.resolve():
        _require_images(found, images)
        suffix = suffix_among(list(found.files), suffix)
        found, others = _parted(found, suffix)
    else:
        others = find_images(masks, '--masks')
        _keep_apart(found, others)
        _require_images(found, images)
        _require_images(others, masks)
    return pair_files(found, others, suffix, threshold)


def pair_files(
    images: ImageFiles, masks: ImageFiles, suffix: str | None, threshold: int | None
) -> OwnImages:
    """Pair images and masks by name; see `pairs_of_folders`."""
    named = find_masks(list(images.files), list(masks.files), suffix)
    errors = [*images.errors, *masks.errors]
    reported = {comparable(error.isic_id) for error in errors}
    samples = {}
    for image_id, file in images.files.items():
        of_image = named.of_image.get(image_id, [])
        if len(of_image) == 1:
            truth = FoundMask(masks.files[of_image[0]], threshold)
            samples[image_id] = Sample(image_id, file, truth)
        elif of_image:
            places = ' and '.join(str(masks.files[mask]) for mask in of_image)
            errors.append(PairError(image_id, 'found twice', f'{places}; keep one of them'))
        elif comparable(image_id + named.suffix) not in reported:
            errors.append(PairError(image_id, 'missing mask', f'{file} has no mask; add it'))
    for mask in named.unused:
        image_id = mask[: len(mask) - len(named.suffix)]
        if comparable(image_id) not in reported:
            detail = f'{masks.files[mask]} has no image; add it'
            errors.append(PairError(image_id, 'missing image', detail))
    known = {*named.unused, *(mask for found in named.of_image.values() for mask in found)}
    otherwise = [mask for mask in masks.files if mask not in known]
    notes = [str(named)]
    notes += _skipped(f'masks do not end with {named.suffix!r}', otherwise)
    notes += _skipped('files are no images', [*images.others, *masks.others])
    return OwnImages(samples, errors, notes)


def _require_images(found: ImageFiles, source: Path) -> None:
    if not found.files:
        raise InputError(
            f'{source}: holds no image that can be used, and {len(found.others)} other files; name '
            'another folder or zip with --images and --masks',
            list(map(str, found.errors)),
        )


def _parted(found: ImageFiles, suffix: str) -> tuple[ImageFiles, ImageFiles]:
    """Separate the masks from the images among which they lie."""
    files = found.files
    images = {name: file for name, file in files.items() if not has_suffix(name, suffix)}
    masks = {name: file for name, file in files.items() if has_suffix(name, suffix)}
    return ImageFiles(images, found.errors, found.others), ImageFiles(masks)


def _keep_apart(images: ImageFiles, masks: ImageFiles) -> None:
    """Remove from the outer of two folders the files of the inner one."""
    image_files, mask_files = ({*found.files.values()} for found in (images, masks))
    outer, inner = (images, mask_files) if mask_files < image_files else (masks, image_files)
    outer.files = {name: file for name, file in outer.files.items() if file not in inner}


def _skipped(what: str, names: Sequence[str]) -> list[str]:
    return [f'{len(names)} {what}, skipped: {", ".join(names[:_SHOWN])}'] if names else []
