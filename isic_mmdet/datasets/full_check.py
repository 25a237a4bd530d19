"""Every check of the preparation, for a data set that was made elsewhere."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from tqdm import tqdm

from isic_mmdet.datasets.checks import AnnotationFile, annotation_errors
from isic_mmdet.datasets.consistency import annotated_mask, official_mask_problem, shared_images
from isic_mmdet.errors import InputError
from isic_mmdet.images.decoding import UnreadableError
from isic_mmdet.images.reading import read_official_image
from isic_mmdet.images.sources import SourceFile
from isic_mmdet.isic.duplicates import difference_hash, near_duplicates
from isic_mmdet.masks.mask_files import decode_mask
from isic_mmdet.prepare.pool import run_calls
from isic_mmdet.utils.files import read_json


@dataclass(frozen=True)
class CheckedImage:
    """Findings in the files of one image.

    Attributes:
        split: its split.
        isic_id: its ISIC id.
        errors: what is wrong with image or mask.
        notes: what is strange and may be intended.
        hash: difference hash of the image; empty if it cannot be decoded.
    """

    split: str
    isic_id: str
    errors: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    hash: str = ''


@dataclass(frozen=True)
class CheckedData:
    """Findings in a data set, one sentence each that starts with the split.

    Attributes:
        images: number of images by split.
        errors: what makes an image useless or wrong.
        notes: what is strange and may be intended.
    """

    images: Mapping[str, int]
    errors: Sequence[str]
    notes: Sequence[str]


def check_data(
    splits: Sequence[tuple[str, AnnotationFile]],
    workers: int,
    distance: int,
    show_progress: bool = True,
) -> CheckedData:
    """Decode all images and official masks, compare them, and look for near-duplicates.

    Args:
        splits: names (`train`, `val` or `test`) and annotation files of one data set. If some
            files are missing, they are noted and skipped.
        workers: number of processes.
        distance: highest number of bits, of 256, by which the hashes of near-duplicates differ.
        show_progress: show a progress bar on stderr.

    Raises:
        InputError: an annotation file is unfit for training, or all are missing.
    """
    present = [(name, file) for name, file in splits if file.path.is_file()] or splits
    notes = [f'{name}: {file.path} is missing' for name, file in splits if not file.path.is_file()]
    unfit = [
        f'{file.path}: {problem}' for _, file in present for problem in annotation_errors(file)
    ]
    if unfit:
        raise InputError(f'the data cannot be used; {len(unfit)} errors:', unfit)
    calls: list[partial[CheckedImage]] = []
    files: defaultdict[str, dict[str, Path]] = defaultdict(dict)
    for name, file in present:
        coco = read_json(file.path, 'write it again')
        for image in coco['images']:
            files[name][image['isic_id']] = file.image_folder / image['file_name']
        calls += _calls(name, file, coco)
    results = run_calls(calls, workers)
    progress = tqdm(results, 'checking', len(calls), unit='image', disable=not show_progress)
    checked = sorted(progress, key=lambda image: (image.split, image.isic_id))
    errors = [f'{i.split}: {i.isic_id}: {problem}' for i in checked for problem in i.errors]
    notes += [f'{i.split}: {i.isic_id}: {note}' for i in checked for note in i.notes]
    notes += shared_images(files)
    notes += _near_duplicates([image for image in checked if image.hash], distance)
    return CheckedData({name: len(images) for name, images in files.items()}, errors, notes)


def _calls(split: str, file: AnnotationFile, coco: Any) -> Iterator[partial[CheckedImage]]:
    annotations = defaultdict(list)
    for annotation in coco['annotations']:
        annotations[annotation['image_id']].append(annotation)
    for image in coco['images']:
        yield partial(_check_image, split, file, image, annotations[image['id']])


def _check_image(
    split: str,
    file: AnnotationFile,
    image: Mapping[str, Any],
    annotations: Sequence[Mapping[str, Any]],
) -> CheckedImage:
    """Decode both files of an image completely, and compare the mask with the annotation."""
    found = partial(CheckedImage, split, image['isic_id'])
    path, mask_path = (
        file.image_folder / image['file_name'],
        file.data_root / image['original_mask'],
    )
    try:
        decoded = read_official_image(_source(path))
    except (OSError, UnreadableError) as error:
        return found((f'the image file {path} cannot be read: {error}',))
    hashed = difference_hash(decoded.pixels)
    try:
        mask = decode_mask(_source(mask_path))
    except (OSError, UnreadableError) as error:
        return found((f'the official mask {mask_path} cannot be read: {error}',), hash=hashed)
    lesion = mask.lesion.unpacked()
    annotated = annotated_mask(annotations, image['height'], image['width'])
    problem = official_mask_problem(lesion, annotated)
    errors = (f'the official mask {mask_path} {problem}',) if problem else ()
    notes = []
    if mask.grays:
        notes.append(f'{mask.grays} pixels of the official mask are neither 0 nor 255')
    if lesion.all():
        notes.append('every pixel of the official mask is lesion')
    return found(errors, tuple(notes), hashed)


def _source(path: Path) -> SourceFile:
    return SourceFile(path, None, path.stat().st_size, 0)


def _near_duplicates(images: Sequence[CheckedImage], distance: int) -> list[str]:
    """Return the near-duplicates that are in two splits."""
    pairs = near_duplicates([image.hash for image in images], distance)
    return [
        f'{first.split}: {first.isic_id}: is a near-duplicate of {second.isic_id} in '
        f'{second.split} ({bits} of 256 bits differ)'
        for first, second, bits in ((images[i], images[j], bits) for i, j, bits in pairs)
        if first.split != second.split
    ]
