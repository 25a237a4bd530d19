"""Reads the tables that belong to a set of predictions: scores of detections, and labels."""

import re
from pathlib import Path
from typing import Any

from isic_mmdet.errors import InputError
from isic_mmdet.evaluation.per_image import LABEL_COLUMNS, Row, parse_cells, read_rows
from isic_mmdet.isic.archives import ISIC_ID
from isic_mmdet.utils.json_file import read_json


def read_scores(path: Path) -> dict[str, float | None]:
    """Read the scores of detections by ISIC id, None where nothing was detected.

    Args:
        path: a table with the columns `score` and `image` (`predictions.csv` of
            `tools/predict.py`) or `image_id` (`per_image.csv`).

    Raises:
        InputError: the file is missing, has other columns, names an image twice or without its
            ISIC id, or a score is not in [0, 1]; lists all faults.
    """
    scores: dict[str, float | None] = {}
    faults = []
    for number, cells in read_rows(path, {'score'}):
        name = cells.get('image') or cells.get('image_id') or ''
        found = re.search(ISIC_ID, Path(name).name)
        if not found:
            faults.append(f'line {number}: no ISIC id in image {name!r}')
            continue
        if found[0] in scores:
            faults.append(f'line {number}: {found[0]} is there twice')
        row, wrong = parse_cells({'score': cells['score']})
        faults += [f'line {number}: {fault}' for fault in wrong]
        scores[found[0]] = row['score']
    if faults:
        raise InputError(f'{path}: cannot be matched to masks; write it again', faults)
    return scores


def read_labels(path: Path) -> dict[str, Row]:
    """Read diagnosis, sex and age by ISIC id from an annotation file of `tools/prepare_isic.py`.

    Raises:
        InputError: the file is missing, not JSON, or its images carry no ISIC id.
    """
    content = read_json(path, 'give an annotation file of tools/prepare_isic.py')
    images = content.get('images') if isinstance(content, dict) else None
    if not isinstance(images, list) or not all(
        isinstance(image, dict) and 'isic_id' in image for image in images
    ):
        raise InputError(
            f'{path}: no images with an isic_id; give an annotation file of tools/prepare_isic.py'
        )
    labels: dict[str, Row] = {}
    faults = []
    for image in images:
        name = image['isic_id']
        if not isinstance(name, str) or name in labels:
            faults.append(f'isic_id {name!r} is no text or there twice')
            continue
        labels[name] = {key: image[key] for key in LABEL_COLUMNS if image.get(key) is not None}
        faults += [
            f'{name}: {key} is {value!r}'
            for key, value in labels[name].items()
            if not (_is_age(value) if key == 'age' else isinstance(value, str))
        ]
    if faults:
        raise InputError(f'{path}: damaged; prepare the data again', faults)
    return labels


def _is_age(value: Any) -> bool:
    return type(value) in (int, float) and 0 <= value <= 150
