"""Scores of all masks of a set against their truth, decoded in parallel."""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from isic_mmdet.errors import InputError
from isic_mmdet.evaluation.mask_folders import MaskPair, pair_masks
from isic_mmdet.evaluation.per_image import (
    APPEARANCE_COLUMNS,
    BOUNDARY_COLUMNS,
    PER_IMAGE_COLUMNS,
)
from isic_mmdet.evaluation.scores import confusion, mask_scores
from isic_mmdet.images.decoding import UnreadableError
from isic_mmdet.images.reading import read_image
from isic_mmdet.images.sources import SourceFile, close_zips
from isic_mmdet.masks.bit_mask import BitMask
from isic_mmdet.masks.lesion_rule import ZERO_AND_255, find_lesion
from isic_mmdet.masks.mask_files import GRAY_THRESHOLD, read_gray_mask
from isic_mmdet.prepare.own.image_files import find_images
from isic_mmdet.utils.prefetch import prefetch
from isic_mmdet.utils.system import available_cores


@dataclass(frozen=True)
class ScoredMasks:
    """The scores of a set of masks.

    Attributes:
        rows: one per image, sorted by id: the columns `PER_IMAGE_COLUMNS` (an empty mask counts as
            no detection, and the single mask is also the best of its image), `TRUTH_COLUMNS` and,
            if requested, `BOUNDARY_COLUMNS` (None where undefined).
        extra: number of files among the predictions that belong to no truth.
        notes: unusual properties of the set, one sentence each.
    """

    rows: list[dict[str, Any]]
    extra: int
    notes: list[str]


class _Look(NamedTuple):
    """Highest gray of a mask file, whether all pixels or all four corners are lesion, its rule."""

    brightest: int
    is_full: bool
    has_corners: bool
    rule: str = ''


class _ScoredPair(NamedTuple):
    row: dict[str, Any]
    truth: _Look
    prediction: _Look


def score_masks(
    predictions: Path,
    truth: Path,
    boundary: bool = False,
    workers: int | None = None,
    show_progress: bool = True,
    strict: bool = False,
    threshold: int | None = None,
    images: Path | None = None,
) -> ScoredMasks:
    """Score every prediction against its truth, see `pair_masks`.

    With `strict` the truth is read as in the challenge. Otherwise `find_lesion` reads it with the
    threshold. Predictions are always read as in the challenge. With `images`, a folder or zip,
    rows have `APPEARANCE_COLUMNS`, too.

    Decoding and counting release Python's lock, so they run in `workers` threads, by default one
    per core.

    Raises:
        InputError: the official scorer would refuse the predictions, a truth is not usable or
            belongs to the same image as another; lists all errors.
    """
    from tqdm import tqdm  # takes a tenth of the start of `tools/score.py`

    pairing = pair_masks(predictions, truth, strict)
    scored: list[_ScoredPair] = []
    errors = list(pairing.errors)
    photos = {} if images is None else _photos(images, pairing.pairs, errors)
    workers = workers or available_cores()
    read_truth = _as_in_the_challenge if strict else partial(_as_found, threshold=threshold)
    score = partial(_score_pair, read_truth=read_truth, boundary=boundary, photos=photos)
    with closing(prefetch(score, pairing.pairs, workers, 4 * workers)) as results:
        total = len(pairing.pairs)
        for result in tqdm(results, 'scoring', total, unit='image', disable=not show_progress):
            if isinstance(result, _ScoredPair):
                scored.append(result)
            else:
                errors += result
    close_zips()
    if errors:
        raise InputError(
            f'{predictions}: cannot be scored{", as in the challenge" if strict else ""}; fix these'
            f' files ({len(errors)} errors):',
            errors,
            shown=len(errors),
        )
    notes = _notes('predictions', [pair.prediction for pair in scored])
    notes += _notes('truth', [pair.truth for pair in scored])
    return ScoredMasks([pair.row for pair in scored], pairing.extra, notes)


def _as_in_the_challenge(file: SourceFile) -> tuple[BitMask, _Look]:
    mask, brightest = read_gray_mask(file)
    return mask, _Look(brightest, mask.area() == mask.size, mask.has_corners())


def _as_found(file: SourceFile, threshold: int | None) -> tuple[BitMask, _Look]:
    mask, rule, *_ = find_lesion(file, threshold)
    brightest = 255 * int(mask.bits.any())
    return mask, _Look(brightest, mask.area() == mask.size, mask.has_corners(), rule)


def _score_pair(
    pair: MaskPair,
    read_truth: Callable[[SourceFile], tuple[BitMask, _Look]],
    boundary: bool,
    photos: Mapping[str, SourceFile],
) -> _ScoredPair | list[str]:
    """Return the scores and looks of one pair, or the errors of its files."""
    masks: list[BitMask] = []
    looks: list[_Look] = []
    errors = []
    for file, read in ((pair.truth, read_truth), (pair.prediction, _as_in_the_challenge)):
        try:
            mask, look = read(file)
        except UnreadableError as error:
            errors.append(f'{file}: {error}')
        else:
            masks.append(mask)
            looks.append(look)
    if errors:
        return errors
    truth, prediction = masks
    if truth.shape != prediction.shape:
        size, wanted = (f'{width} x {height}' for height, width in (prediction.shape, truth.shape))
        return [f'{pair.prediction}: {size} pixels, but its truth has {wanted} (width x height)']
    counts = confusion(truth, prediction)
    scores = mask_scores(counts)
    row = dict.fromkeys(PER_IMAGE_COLUMNS) | {
        'image_id': pair.image_id,
        **scores,
        'iou_max': scores['iou'],
        'detections': int(counts.tp + counts.fp > 0),
        'height': truth.shape[0],
        'width': truth.shape[1],
        'lesion_share': (counts.tp + counts.fn) / truth.size,
        'touches_border': truth.touches_border(),
    }
    if boundary:
        row |= _boundary_columns(truth, prediction)
    if photo := photos.get(pair.image_id):
        try:
            row |= _appearance_columns(photo, truth)
        except UnreadableError as error:
            return [f'{photo}: {error}']
    return _ScoredPair(row, *looks)


def _photos(images: Path, pairs: Sequence[MaskPair], errors: list[str]) -> dict[str, SourceFile]:
    """Return the images of all pairs by id, and add an error for each that is missing."""
    found = find_images(images, '--images').files
    errors += [f'{p.image_id}: no image in {images}' for p in pairs if p.image_id not in found]
    return found


def _boundary_columns(truth: BitMask, prediction: BitMask) -> dict[str, float | None]:
    from isic_mmdet.evaluation.boundary import boundary_distances, outline_shift  # imports OpenCV

    diagonal = math.hypot(*truth.shape)
    masks = truth.unpacked(), prediction.unpacked()
    found, shift = boundary_distances(*masks), outline_shift(*masks)
    values = (
        *(found.hausdorff95, found.hausdorff95 / diagonal, found.mean, found.mean / diagonal),
        *(shift.pixels, shift.pixels / diagonal, shift.iou),
    )
    return {
        name: None if math.isnan(value) else value
        for name, value in zip(BOUNDARY_COLUMNS, values, strict=True)
    }


def _appearance_columns(photo: SourceFile, truth: BitMask) -> dict[str, Any]:
    from isic_mmdet.evaluation.appearance import appearance  # imports OpenCV

    found = appearance(read_image(photo).pixels, truth.unpacked())
    return dict(zip(APPEARANCE_COLUMNS, found, strict=True))


def _notes(name: str, looks: Sequence[_Look]) -> list[str]:
    """Return the signs that masks were stored in an unexpected way, one sentence each."""
    total = len(looks)

    def masks(count: int) -> str:
        share = f'all {total}' if count == total else f'{count} of {total}'
        return f'{share} masks of the {name}'

    dim = [look.brightest for look in looks if 0 < look.brightest <= GRAY_THRESHOLD]
    notes = []
    if dim:
        grays = '0 and 1' if max(dim) == 1 else f'grays of at most {max(dim)}'
        notes.append(
            f'{masks(len(dim))} hold only {grays}: the challenge counts grays above '
            f'{GRAY_THRESHOLD} as lesion and reads these masks as empty; if they mark lesions, '
            'save them with 0 and 255 and score again'
        )
    full = sum(look.is_full for look in looks)
    if full:
        notes.append(f'{masks(full)} are lesion everywhere')
    inverted = sum(look.has_corners and not look.is_full for look in looks)
    if 2 * inverted > total:
        notes.append(
            f'{masks(inverted)} are lesion in all four corners: if lesions are black in them, '
            'invert them and score again'
        )
    for rule, count in sorted(Counter(look.rule for look in looks).items()):
        if rule not in ('', ZERO_AND_255):
            notes.append(f'in {masks(count)} lesion is {rule}')
    blank = sum(look.brightest == 0 for look in looks)
    if blank and (name == 'truth' or blank == total):
        notes.append(f'{masks(blank)} are empty')
    return notes
