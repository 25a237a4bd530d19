"""Scores of all masks of a set against their truth, decoded in parallel."""

import math
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from isic_mmdet.errors import InputError
from isic_mmdet.evaluation.mask_folders import MaskPair, pair_masks
from isic_mmdet.evaluation.mask_looks import MaskLook, look_at, notes_on
from isic_mmdet.evaluation.per_image import (
    BOUNDARY_COLUMNS,
    PER_IMAGE_COLUMNS,
    Row,
)
from isic_mmdet.evaluation.scores import confusion, mask_scores, pack
from isic_mmdet.images.sources import close_zips
from isic_mmdet.masks.mask_files import UnreadableMaskError, read_gray_mask
from isic_mmdet.utils.cores import available_cores


@dataclass(frozen=True)
class ScoredMasks:
    """The scores of a set of masks.

    Attributes:
        rows: one an image, sorted by id, as `score_pair` returns them.
        extra: number of files among the predictions that belong to no truth.
        notes: what is strange about the masks as a whole, one sentence each.
    """

    rows: list[Row]
    extra: int
    notes: list[str]


class ScoredPair(NamedTuple):
    """The scores of one mask, and what the two masks look like."""

    row: Row
    truth: MaskLook
    prediction: MaskLook


def score_masks(
    predictions: Path,
    truth: Path,
    boundary: bool = False,
    workers: int | None = None,
    show_progress: bool = True,
) -> ScoredMasks:
    """Score every prediction against its truth.

    Decoding and counting run in threads, since both leave Python's lock alone; each holds two
    masks at a time, however many images there are.

    Args:
        predictions: folder or zip, see `pair_masks`.
        truth: the same.
        boundary: also compute the distances between the borders and the best shift of the
            outline, which takes longer than all else.
        workers: number of threads; None takes one for each core.
        show_progress: show a progress bar on stderr.

    Raises:
        InputError: the official scorer would refuse these files; lists all faults.
    """
    pairing = pair_masks(predictions, truth)
    scored: list[ScoredPair] = []
    faults = list(pairing.faults)
    results = _in_threads(pairing.pairs, boundary, workers or available_cores())
    try:
        for result in tqdm(
            results, 'scoring', len(pairing.pairs), unit='image', disable=not show_progress
        ):
            if isinstance(result, ScoredPair):
                scored.append(result)
            else:
                faults += result
    finally:
        results.close()
        close_zips()
    if faults:
        raise InputError(
            f'{predictions}: cannot be scored, as in the challenge; mend these files'
            f' ({len(faults)} faults):',
            faults,
            shown=len(faults),
        )
    notes = notes_on('predictions', [pair.prediction for pair in scored])
    notes += notes_on('truth', [pair.truth for pair in scored])
    return ScoredMasks([pair.row for pair in scored], pairing.extra, notes)


def score_pair(pair: MaskPair, boundary: bool) -> ScoredPair | list[str]:
    """Score one mask.

    Returns:
        A row of the columns `PER_IMAGE_COLUMNS` (an empty mask counts as no detection, and a
        single mask is also the best of its image), `TRUTH_COLUMNS` and, if wanted,
        `BOUNDARY_COLUMNS` (None where undefined), and the looks of both masks; or the faults of
        the two files.
    """
    masks: list[NDArray[np.bool_]] = []
    looks: list[MaskLook] = []
    faults = []
    for file in (pair.truth, pair.prediction):
        try:
            mask, brightest = read_gray_mask(file)
            masks.append(mask)
            looks.append(look_at(mask, brightest))
        except UnreadableMaskError as error:
            faults.append(f'{file}: {error}')
    if faults:
        return faults
    truth, prediction = masks
    if truth.shape != prediction.shape:
        size, wanted = (f'{width} x {height}' for height, width in (prediction.shape, truth.shape))
        return [f'{pair.prediction}: {size} pixels, but its truth has {wanted} (width x height)']
    counts = confusion(pack(truth), pack(prediction))
    scores = mask_scores(counts)
    row: Row = dict.fromkeys(PER_IMAGE_COLUMNS)
    row |= {
        'image_id': pair.image_id,
        **scores,
        'iou_max': scores['iou'],
        'detections': int(counts.tp + counts.fp > 0),
        'height': truth.shape[0],
        'width': truth.shape[1],
        'lesion_share': (counts.tp + counts.fn) / truth.size,
        'touches_border': _touches_border(truth),
    }
    if boundary:
        row |= _boundary_columns(truth, prediction)
    return ScoredPair(row, *looks)


def _in_threads(
    pairs: list[MaskPair], boundary: bool, workers: int
) -> Generator[ScoredPair | list[str], None, None]:
    pool = ThreadPoolExecutor(workers)
    try:
        yield from pool.map(partial(score_pair, boundary=boundary), pairs)
    finally:
        pool.shutdown(cancel_futures=True)


def _touches_border(mask: NDArray[np.bool_]) -> bool:
    return any(bool(edge.any()) for edge in (mask[0], mask[-1], mask[:, 0], mask[:, -1]))


def _boundary_columns(truth: NDArray[np.bool_], prediction: NDArray[np.bool_]) -> Row:
    from isic_mmdet.evaluation.boundary import boundary_distances
    from isic_mmdet.evaluation.outline_shift import outline_shift

    diagonal = math.hypot(*truth.shape)
    found = boundary_distances(truth, prediction)
    shift = outline_shift(truth, prediction)
    values = (
        *(found.hausdorff95, found.hausdorff95 / diagonal, found.mean, found.mean / diagonal),
        *(shift.pixels, shift.pixels / diagonal, shift.iou),
    )
    return {
        name: None if math.isnan(value) else value
        for name, value in zip(BOUNDARY_COLUMNS, values, strict=True)
    }
