"""What the annotations say about the evaluated images, and what was detected on them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from isic_mmdet.errors import InputError
from isic_mmdet.images.decoding import MAX_PIXELS
from isic_mmdet.masks.run_lengths import NO_LESION, run_lengths_problem
from isic_mmdet.report.page.evaluation import ImageScores
from isic_mmdet.utils.schema import (
    AGE,
    COUNT,
    FILE_NAME,
    NAME,
    PIXELS,
    TEXT,
    Shape,
    number,
    read_checked_json,
)

_TOLERANCE = 1e-6
_CODE: Shape = {'size': (PIXELS, PIXELS), 'counts': TEXT}
_ANNOTATIONS: Shape = {
    'images': [
        {
            'id': COUNT,
            'isic_id': NAME,
            'file_name': FILE_NAME,
            'diagnosis?': TEXT,
            'age?': AGE,
            'sex?': TEXT,
        }
    ],
    'annotations': [{'image_id': COUNT, 'segmentation': _CODE}],
}
_DETECTIONS: Shape = [{'isic_id': NAME, 'score': number(0, 1), 'segmentation': _CODE}]


@dataclass(frozen=True)
class Mask:
    """A mask as compressed run-length code of COCO.

    Attributes:
        counts: the code.
        size: (height, width).
    """

    counts: str
    size: tuple[int, int]

    def decode(self) -> NDArray[np.bool_]:
        """Return the mask as (H, W) bool."""
        code = {'size': list(self.size), 'counts': self.counts.encode('ascii')}
        return coco_mask.decode(code).astype(bool)


@dataclass(frozen=True)
class Record:
    """What is known of an image besides its scores; None where it is not.

    Attributes:
        path: of the prepared image.
        truth: at its size.
        diagnosis: such as 'nevus'.
        age: in years.
        sex: such as 'female'.
    """

    path: Path
    truth: Mask
    diagnosis: str | None
    age: float | None
    sex: str | None


def read_records(data_root: Path, split: str, image_ids: Iterable[str]) -> dict[str, Record]:
    """Return the record of every image, by its id.

    Args:
        data_root: prepared data set, as `tools/prepare_isic.py` writes it.
        split: name of its annotation file.
        image_ids: ISIC ids of the images that were evaluated.

    Raises:
        InputError: if the annotation file is missing, damaged, or of other images.
    """
    path = data_root / 'annotations' / f'{split}.json'
    content = read_checked_json(path, _ANNOTATIONS, 'name the prepared data set with --data-root')
    try:
        truths = {
            entry['image_id']: _mask(entry['segmentation']) for entry in content['annotations']
        }
        known = {
            image['isic_id']: Record(
                data_root / 'images' / image['file_name'],
                truths[image['id']],
                image.get('diagnosis'),
                image.get('age'),
                image.get('sex'),
            )
            for image in content['images']
        }
    except (KeyError, ValueError) as error:
        raise InputError(
            f'{path}: not annotations as tools/prepare_isic.py writes them '
            f'({type(error).__name__}: {error}); prepare the data again'
        ) from error
    wanted = list(image_ids)
    absent = [name for name in wanted if name not in known]
    if absent:
        raise InputError(
            f'{path}: {len(absent)} of the {len(wanted)} evaluated images are not in it; '
            'name the data set of the evaluation with --data-root',
            absent,
        )
    return {name: known[name] for name in wanted}


def read_predictions(path: Path, images: Sequence[ImageScores]) -> dict[str, Mask]:
    """Return the mask of the detection with the highest score of every image that has one.

    Args:
        path: all detections of the evaluation, as `tools/test.py --out` writes them.
        images: that were evaluated.

    Raises:
        InputError: if the file is missing, damaged, or of another evaluation, as a score shows
            that differs from the one in `per_image.csv`.
    """
    remedy = 'write it with tools/test.py --out'
    entries = read_checked_json(path, _DETECTIONS, remedy)
    top: dict[str, tuple[float, Mask]] = {}
    try:
        for entry in entries:
            name, score = entry['isic_id'], entry['score']
            # Of equal scores the first counts, as in the metrics.
            if name not in top or score > top[name][0]:
                top[name] = score, _mask(entry['segmentation'])
    except ValueError as error:
        raise InputError(f'{path}: not a file of detections ({error}); {remedy}') from error
    errors = []
    for image in images:
        here = top[image.image_id][0] if image.image_id in top else None
        if not _alike(here, image.score):
            errors.append(f'{image.image_id}: score {image.score}, here {here}')
    if errors:
        raise InputError(
            f'{path}: detections of another evaluation than per_image.csv; {remedy}:', errors
        )
    return {name: mask for name, (_, mask) in top.items()}


def _alike(first: float | None, second: float | None) -> bool:
    if first is None or second is None:
        return first is second
    return abs(first - second) <= _TOLERANCE


def _mask(code: Mapping[str, Any]) -> Mask:
    height, width = code['size']
    if height * width > MAX_PIXELS:
        raise ValueError(f'a mask of {code["size"]} pixels')
    problem = run_lengths_problem(code, height, width)
    if problem and problem != NO_LESION:
        raise ValueError(problem)
    return Mask(code['counts'], (height, width))
