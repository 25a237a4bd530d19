"""Masks in folders and zips: which prediction belongs to which truth.

The rules for masks with ISIC ids are those of the official scorer (isic-challenge-scoring 5.6.0).
It stops at the first error; here all errors are collected. Masks of own images are paired by name.
"""

import re
import zipfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from isic_mmdet.errors import InputError
from isic_mmdet.images.sources import SourceFile, zip_files
from isic_mmdet.isic.names import ISIC_ID
from isic_mmdet.masks.mask_names import has_suffix, match_names, suffix_of
from isic_mmdet.prepare.own.image_files import find_images

# Overlapping matches: of eight digits the first and the last seven.
_NUMBERS = re.compile('(?=([0-9]{7}))')
# What tools/predict.py writes into its folder, and behind the names of its masks.
_RECORD, _PREDICTED = 'predictions.json', '_segmentation'
_NO_MASKS = {'ATTRIBUTION.txt', 'LICENSE.txt'}


class MaskPair(NamedTuple):
    """The official and the predicted mask of one image."""

    image_id: str
    truth: SourceFile
    prediction: SourceFile


class Pairing(NamedTuple):
    """Which masks belong together.

    Attributes:
        pairs: sorted by image id.
        errors: one line each: truth without an id, several truths, no or several predictions.
        extra: number of predicted files without a truth, which the official scorer ignores.
    """

    pairs: list[MaskPair]
    errors: list[str]
    extra: int


def pair_masks(predictions: Path, truth: Path, strict: bool = False) -> Pairing:
    """Find the prediction of every truth by its ISIC id; without any, by its name.

    Both are a folder of masks (without its subfolders) or a zip. As for the official scorer, a
    truth has `ISIC_` and seven digits in its name, and a file is its prediction if it has the same
    seven digits anywhere in its name before the suffix. Unlike there, two truths of one image are
    an error, and so are two files of one name in different folders of a zip.

    If no truth has an ISIC id, both are searched with their subfolders, and a prediction has the
    name of its truth. Each may have one of `MASK_SUFFIXES` behind it. In a folder of
    `tools/predict.py`, overlays, probabilities and crops are no predictions.

    Args:
        predictions: folder or zip.
        truth: folder or zip.
        strict: as in the challenge: truths without an ISIC id are errors.

    Raises:
        InputError: one of the two is neither a folder nor a readable zip, or `truth` is empty.
    """
    truths, nameless = _truths_by_id(truth)
    if not truths and not strict:
        return _pair_by_name(predictions, truth)
    by_number: defaultdict[str, list[SourceFile]] = defaultdict(list)
    predicted = list(_list_files(predictions))
    for file in predicted:
        for number in set(_NUMBERS.findall(_stem(file))):
            by_number[number].append(file)

    errors = [
        f'{file}: no ISIC id (ISIC_ and seven digits) in the name; leave only masks there'
        for file in nameless
    ]
    pairs, used = [], set()
    for image_id, files in sorted(truths.items()):
        found = by_number.get(image_id.removeprefix('ISIC_'), [])
        used.update(found)
        if len(files) > 1:
            errors.append(f'{image_id}: {len(files)} truth masks: {_names(files)}')
        if not found:
            errors.append(f'{image_id}: no prediction in {predictions}')
        elif len(found) > 1:
            errors.append(f'{image_id}: {len(found)} predictions: {_names(found)}')
        elif len(files) == 1:
            pairs.append(MaskPair(image_id, files[0], found[0]))
    return Pairing(pairs, errors, len(predicted) - len(used))


def _pair_by_name(predictions: Path, truth: Path) -> Pairing:
    truths, predicted = find_images(truth, 'TRUTH'), find_images(predictions, 'PREDICTIONS')
    errors = [str(error) for error in (*truths.errors, *predicted.errors)]
    suffix = suffix_of(list(truths.files))
    by_id = {
        name[: len(name) - len(suffix)] if has_suffix(name, suffix) else name: file
        for name, file in truths.files.items()
    }
    if not by_id:
        raise InputError(f'{truth}: holds no masks; give the folder or zip of the ground truth')
    masks = predicted.files
    if (predictions / _RECORD).is_file():
        masks = {name: file for name, file in masks.items() if name.endswith(_PREDICTED)}
    named = match_names(list(by_id), list(masks), suffix_of(list(masks)))
    pairs = []
    for image_id, file in sorted(by_id.items()):
        found = [masks[name] for name in named.of_image.get(image_id, ())]
        if not found:
            errors.append(f'{image_id}: no prediction in {predictions}')
        elif len(found) > 1:
            errors.append(f'{image_id}: {len(found)} predictions: {_names(found)}')
        else:
            pairs.append(MaskPair(image_id, file, found[0]))
    used = sum(len(found) for found in named.of_image.values())
    return Pairing(pairs, errors, len(predicted.files) - used)


def _list_files(source: Path) -> Iterator[SourceFile]:
    """List the files of a folder, or all members of a zip, as the official scorer does."""
    if source.is_dir():
        for path in source.iterdir():
            status = path.lstat()
            yield SourceFile(path, None, status.st_size, status.st_mtime_ns)
        return
    if not source.exists():
        raise InputError(f'{source}: no such folder or zip')
    if not (source.is_file() and zipfile.is_zipfile(source)):
        raise InputError(
            f'{source}: neither a folder nor a readable zip; name the one that holds the masks'
        )
    for file in zip_files(source):
        if not str(file.member).startswith('__MACOSX'):
            yield file


def _truths_by_id(truth: Path) -> tuple[dict[str, list[SourceFile]], list[SourceFile]]:
    by_id: defaultdict[str, list[SourceFile]] = defaultdict(list)
    nameless = []
    for file in sorted(_list_files(truth), key=str):
        if file.name in _NO_MASKS:
            continue
        if found := re.search(ISIC_ID, _stem(file)):
            by_id[found[0]].append(file)
        else:
            nameless.append(file)
    if not by_id and not nameless:
        raise InputError(f'{truth}: holds no masks; give the folder or zip of the ground truth')
    return by_id, nameless


def _stem(file: SourceFile) -> str:
    return PurePosixPath(file.name).stem


def _names(files: list[SourceFile]) -> str:
    return ', '.join(sorted(str(file) for file in files))
