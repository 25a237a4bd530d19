"""Every check of the preparation, for a data set that was made elsewhere."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from tqdm import tqdm

from isic_mmdet.datasets.checks import annotation_errors
from isic_mmdet.datasets.consistency import annotated_mask, official_mask_problem, shared_images
from isic_mmdet.errors import InputError
from isic_mmdet.images.decoding import UnreadableError, decode_image
from isic_mmdet.images.sources import SourceFile
from isic_mmdet.isic.duplicates import difference_hash, near_duplicates
from isic_mmdet.isic.prepare.pool import run_calls
from isic_mmdet.masks.mask_files import decode_mask
from isic_mmdet.utils.files import read_json


@dataclass(frozen=True)
class Split:
    """One annotation file and where its files lie.

    Attributes:
        name: `train`, `val` or `test`.
        ann_file: COCO JSON.
        data_root: folder that `original_mask` is relative to.
        image_folder: folder that `file_name` is relative to.
        classes: that the data set carries, in the order of the labels.
    """

    name: str
    ann_file: Path
    data_root: Path
    image_folder: Path
    classes: tuple[str, ...]


@dataclass(frozen=True)
class CheckedImage:
    """What was found in the files of one image.

    Attributes:
        name: split and ISIC id.
        errors: what is wrong with image or mask.
        notes: what is strange and may be meant.
        hash: difference hash of the image; empty where it cannot be decoded.
    """

    name: tuple[str, str]
    errors: tuple[str, ...]
    notes: tuple[str, ...] = ()
    hash: str = ''


@dataclass(frozen=True)
class CheckedData:
    """What was found in a data set, one sentence each, beginning with the split.

    Attributes:
        images: number of images by split.
        errors: what makes an image useless or wrong.
        notes: what is strange and may be meant.
    """

    images: Mapping[str, int]
    errors: Sequence[str]
    notes: Sequence[str]


def check_data(
    splits: Sequence[Split], workers: int, distance: int, show_progress: bool = True
) -> CheckedData:
    """Decode all images and official masks, compare them, and look for near-duplicates.

    Args:
        splits: of one data set; those whose annotation file is absent are noted and passed over,
            unless all are.
        workers: number of processes.
        distance: highest number of bits, of 256, by which the hashes of near-duplicates differ.
        show_progress: show a progress bar on stderr.

    Raises:
        InputError: an annotation file is unfit for training, see `checks.annotation_errors`.
    """
    present = [split for split in splits if split.ann_file.is_file()] or splits
    absent = [f'{s.name}: {s.ann_file} is not there' for s in splits if s not in present]
    unfit = [
        f'{split.ann_file}: {problem}'
        for split in present
        for problem in annotation_errors(
            split.ann_file, split.data_root, split.image_folder, split.classes
        )
    ]
    if unfit:
        raise InputError(f'the data cannot be used; {len(unfit)} errors:', unfit)
    calls: list[partial[CheckedImage]] = []
    files: dict[str, dict[str, Path]] = {}
    for split in present:
        coco = read_json(split.ann_file, 'write it again')
        files.setdefault(split.name, {}).update(
            {image['isic_id']: split.image_folder / image['file_name'] for image in coco['images']}
        )
        calls += _calls(split, coco)
    results = run_calls(calls, workers)
    progress = tqdm(results, 'checking', len(calls), unit='image', disable=not show_progress)
    checked = sorted(progress, key=lambda image: image.name)
    errors = [_told(image.name, problem) for image in checked for problem in image.errors]
    notes = absent + [_told(image.name, note) for image in checked for note in image.notes]
    notes += shared_images(files)
    notes += _near_duplicates([image for image in checked if image.hash], distance)
    return CheckedData({name: len(images) for name, images in files.items()}, errors, notes)


def _calls(split: Split, coco: Mapping[str, Any]) -> list[partial[CheckedImage]]:
    annotations: dict[int, list[Any]] = {image['id']: [] for image in coco['images']}
    for annotation in coco['annotations']:
        annotations[annotation['image_id']].append(annotation)
    return [
        partial(
            check_image,
            (split.name, image['isic_id']),
            image,
            annotations[image['id']],
            split.image_folder / image['file_name'],
            split.data_root / image['original_mask'],
        )
        for image in coco['images']
    ]


def check_image(
    name: tuple[str, str],
    image: Mapping[str, Any],
    annotations: Sequence[Mapping[str, Any]],
    image_file: Path,
    mask_file: Path,
) -> CheckedImage:
    """Decode the two files of an image whole, and compare the mask with the annotation.

    Args:
        name: split and ISIC id.
        image: its record in the annotation file.
        annotations: of the image, at least one.
        image_file: of the image.
        mask_file: of the official mask.
    """
    try:
        decoded = decode_image(_source(image_file))
    except (OSError, UnreadableError) as error:
        return CheckedImage(name, (f'the image file {image_file} cannot be read: {error}',))
    hashed = difference_hash(decoded.pixels)
    try:
        mask = decode_mask(_source(mask_file))
    except (OSError, UnreadableError) as error:
        unreadable = f'the official mask {mask_file} cannot be read: {error}'
        return CheckedImage(name, (unreadable,), hash=hashed)
    lesion = mask.lesion.unpacked()
    annotated = annotated_mask(annotations, image['height'], image['width'])
    problem = official_mask_problem(lesion, annotated)
    notes = []
    if mask.grays:
        notes.append(f'{mask.grays} pixels of the official mask are neither 0 nor 255')
    if lesion.all():
        notes.append('every pixel of the official mask is lesion')
    errors = (f'the official mask {mask_file} {problem}',) if problem else ()
    return CheckedImage(name, errors, tuple(notes), hashed)


def _source(path: Path) -> SourceFile:
    return SourceFile(path, None, path.stat().st_size, 0)


def _near_duplicates(images: Sequence[CheckedImage], distance: int) -> list[str]:
    """Return the near-duplicates that are in two splits."""
    pairs = near_duplicates([image.hash for image in images], distance)
    return [
        f'{_told(first, "is a near-duplicate")} of {second[1]} in {second[0]} '
        f'({bits} of 256 bits differ)'
        for first, second, bits in ((images[i].name, images[j].name, bits) for i, j, bits in pairs)
        if first[0] != second[0]
    ]


def _told(name: tuple[str, str], what: str) -> str:
    return f'{name[0]}: {name[1]}: {what}'
