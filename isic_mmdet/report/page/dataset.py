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
from isic_mmdet.utils.files import read_json

_TOLERANCE = 1e-6


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
    content = read_json(path, 'name the prepared data set with --data-root')
    try:
        truths = {
            entry['image_id']: _mask(entry['segmentation']) for entry in content['annotations']
        }
        known = {
            image['isic_id']: Record(
                data_root / 'images' / _name(image['file_name']),
                truths[image['id']],
                _text(image.get('diagnosis')),
                _age(image.get('age')),
                _text(image.get('sex')),
            )
            for image in content['images']
        }
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
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
    entries = read_json(path, remedy)
    top: dict[str, tuple[float, Mask]] = {}
    try:
        for entry in entries:
            name, score = entry['isic_id'], float(entry['score'])
            # Of equal scores the first counts, as in the metrics.
            if name not in top or score > top[name][0]:
                top[name] = score, _mask(entry['segmentation'])
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise InputError(
            f'{path}: not a file of detections ({type(error).__name__}: {error}); {remedy}'
        ) from error
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
    if type(height) is not int or type(width) is not int or not 0 < height * width <= MAX_PIXELS:
        raise ValueError(f'a mask of {code["size"]} pixels')
    if not isinstance(code['counts'], str):
        raise ValueError('a mask that is no compressed run-length code')
    problem = run_lengths_problem(code, height, width)
    if problem and problem != NO_LESION:
        raise ValueError(problem)
    return Mask(code['counts'], (height, width))


def _name(value: Any) -> str:
    if not isinstance(value, str) or Path(value).is_absolute() or '..' in Path(value).parts:
        raise ValueError(f'no name of a file in the folder of images: {value!r}')
    return value


def _text(value: Any) -> str | None:
    if value is not None and not isinstance(value, str):
        raise ValueError(f'no text: {value!r}')
    return value


def _age(value: Any) -> float | None:
    if value is not None and (type(value) not in (int, float) or not 0 <= value <= 150):
        raise ValueError(f'no age: {value!r}')
    return value
