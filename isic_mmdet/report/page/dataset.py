"""What the annotations say about the evaluated images, and what was detected on them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from isic_mmdet.errors import InputError
from isic_mmdet.evaluation.per_image import Row
from isic_mmdet.images.decoding import MAX_PIXELS
from isic_mmdet.masks.run_lengths import NO_LESION, run_lengths_problem
from isic_mmdet.utils.schema import (
    AGE,
    COUNT,
    FILE_NAME,
    NAME,
    PIXELS,
    TEXT,
    Kind,
    Shape,
    number,
    read_checked_json,
    shape_errors,
)

#: A mask as pycocotools decodes it: `size` (height, width) and `counts` (compressed run lengths).
Code: TypeAlias = Mapping[str, Any]


def _is_mask(value: Any) -> bool:
    if shape_errors(value, {'size': (PIXELS, PIXELS), 'counts': TEXT}):
        return False
    height, width = value['size']
    return height * width <= MAX_PIXELS and (
        run_lengths_problem(value, height, width) in (None, NO_LESION)
    )


_MASK = Kind('mask as compressed run lengths', _is_mask)
_LABELS: dict[str, Shape] = {'diagnosis?': TEXT, 'age?': AGE, 'sex?': TEXT}
_ANNOTATIONS: Shape = {
    'images': [{'id': COUNT, 'isic_id': NAME, 'file_name': FILE_NAME, **_LABELS}],
    'annotations': [{'image_id': COUNT, 'segmentation': _MASK}],
}
# Only the masks of the highest scores are checked, because there may be a hundred per image.
_DETECTIONS: Shape = [{'isic_id': NAME, 'score': number(0, 1)}]


class Record(NamedTuple):
    """An image of a prepared data set: its file, its true mask at the same size, and its labels."""

    path: Path
    truth: Code
    diagnosis: str | None
    age: float | None  # years
    sex: str | None


def read_records(data_root: Path, split: str, rows: Sequence[Row]) -> dict[str, Record]:
    """Return the record of every evaluated image, by its id.

    Raises:
        InputError: the annotation file is missing, damaged, or of other images.
    """
    path = data_root / 'annotations' / f'{split}.json'
    content = read_checked_json(
        path, _ANNOTATIONS, 'name the prepared data set with --data-root, or prepare the data again'
    )
    truths: dict[int, Code] = {}
    for entry in content['annotations']:
        key, mask = entry['image_id'], entry['segmentation']
        if key in truths and truths[key]['size'] != mask['size']:
            raise InputError(
                f'{path}: the masks of image {key} have the sizes {truths[key]["size"]} and '
                f'{mask["size"]}; prepare the data again'
            )
        truths[key] = _union(truths[key], mask) if key in truths else mask
    records = {
        image['isic_id']: Record(
            data_root / 'images' / image['file_name'],
            truths[image['id']],
            *(image.get(key) for key in ('diagnosis', 'age', 'sex')),
        )
        for image in content['images']
        if image['id'] in truths
    }
    names = [row['image_id'] for row in rows]
    absent = [name for name in names if name not in records]
    if absent:
        raise InputError(
            f'{path}: {len(absent)} of the {len(names)} evaluated images are not in it; '
            'name the data set of the evaluation with --data-root',
            absent,
        )
    return {name: records[name] for name in names}


def _union(*codes: Code) -> Code:
    """Return the union of masks of equal size."""
    from pycocotools import mask as coco_mask

    merged = coco_mask.merge([{**code, 'counts': code['counts'].encode()} for code in codes])
    return {**merged, 'counts': merged['counts'].decode()}


def read_predictions(path: Path, rows: Sequence[Row]) -> dict[str, Code]:
    """Return the mask of the highest-scoring detection of every image that has one.

    Raises:
        InputError: the file is missing, damaged, or has other scores than the rows, so that it is
            of another evaluation.
    """
    remedy = 'write it with tools/test.py --out'
    top: dict[str, dict[str, Any]] = {}
    for entry in read_checked_json(path, _DETECTIONS, remedy):
        name = entry['isic_id']
        # Of equal scores the first counts, as in the metrics.
        if name not in top or entry['score'] > top[name]['score']:
            top[name] = entry
    errors = shape_errors(top, {'*': {'segmentation': _MASK}})
    for row in rows:
        name, score = row['image_id'], row['score']
        here = top[name]['score'] if name in top else None
        if here != score and (None in (here, score) or abs(here - score) > 1e-6):
            errors.append(f'{name}: score {score}, here {here}')
    if errors:
        raise InputError(f'{path}: damaged, or of another evaluation; {remedy}:', errors)
    return {name: entry['segmentation'] for name, entry in top.items()}
