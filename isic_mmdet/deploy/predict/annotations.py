"""Outlines of lesions for annotation tools: one COCO file, or a LabelMe file for each image.

Annotation tools show images upright, so the outlines are those of upright images.

The COCO file grows like the table: each process appends one line for an image to its own part,
and at the end one process joins the parts. A killed run leaves its parts.
"""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from isic_mmdet.deploy.predict.lesions import FoundLesion
from isic_mmdet.errors import InputError
from isic_mmdet.images.sources import SourceFile
from isic_mmdet.masks.outlines import polygons
from isic_mmdet.utils.append_log import LineFile, complete_lines
from isic_mmdet.utils.files import write_json
from isic_mmdet.utils.schema import read_checked_json

COCO_FILE = 'annotations.json'
_PART = '.annotations.{}.jsonl'
_REMEDY = 'name another --out, or remove the file and run with --resume'
# The version of LabelMe whose files these are.
_LABELME = '5.5.0'


def labelme_content(
    found: Sequence[FoundLesion], shape: tuple[int, int], image: SourceFile, path: Path
) -> dict[str, Any]:
    """Return the LabelMe file of an image; the parts of a lesion share a `group_id`.

    Args:
        found: lesions of the image.
        shape: height and width of the upright image.
        image: LabelMe looks for it at its path relative to the file; inside a zip it cannot.
        path: of the file.
    """
    shapes = [
        {
            'label': each.lesion.label,
            'points': np.round(ring, 2).tolist(),
            'group_id': number,
            'description': f'score {each.lesion.score:.4f}',
            'shape_type': 'polygon',
            'flags': {},
        }
        for number, each in enumerate(found, 1)
        for ring in polygons(each.mask)
    ]
    place = image.name if image.member else os.path.relpath(image.path, path.parent)
    return {
        'version': _LABELME,
        'flags': {},
        'shapes': shapes,
        'imagePath': place,
        'imageData': None,
        'imageHeight': shape[0],
        'imageWidth': shape[1],
    }


def coco_line(
    name: str, file_name: str, found: Sequence[FoundLesion], shape: tuple[int, int]
) -> str:
    """Return the line of an image for the part of a process.

    Args:
        name: of the mask of the image.
        file_name: of the image, with the folders of the mask.
        found: its lesions; those without a pixel are no annotations.
        shape: height and width of the upright image.
    """
    annotations = []
    for each in found:
        rings = polygons(each.mask)
        if not rings:
            continue
        points = np.concatenate(rings)
        (left, top), (right, bottom) = points.min(0).tolist(), points.max(0).tolist()
        annotations.append(
            {
                'category': each.lesion.label,
                'segmentation': [np.round(ring, 2).ravel().tolist() for ring in rings],
                'area': int(np.count_nonzero(each.mask)),
                'bbox': [left, top, right - left, bottom - top],
                'iscrowd': 0,
                'score': round(each.lesion.score, 6),
            }
        )
    image = {'file_name': file_name, 'height': shape[0], 'width': shape[1]}
    return json.dumps({'name': name, 'image': image, 'annotations': annotations}) + '\n'


def coco_part(folder: Path, rank: int) -> LineFile:
    """Return the part of the COCO file that a process appends to."""
    return LineFile(folder / _PART.format(rank))


def coco_names(folder: Path) -> set[str]:
    """Return the names of the images in the COCO file and its parts; see `_records`."""
    return set(_records(folder))


def join_coco_parts(folder: Path, classes: Sequence[str]) -> None:
    """Write the COCO file of all images in it and in its parts, and remove the parts.

    Args:
        folder: of the predictions.
        classes: names of the categories, whose ids count from 1.
    """
    records = _records(folder)
    category_ids = {name: number for number, name in enumerate(classes, 1)}
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for image_id, name in enumerate(sorted(records), 1):
        images.append({'id': image_id, **records[name]['image'], 'mask': name})
        for annotation in records[name]['annotations']:
            content = {**annotation, 'category_id': category_ids[annotation['category']]}
            del content['category']
            number = len(annotations) + 1
            annotations.append({'id': number, 'image_id': image_id, **content})
    content = {
        'images': images,
        'annotations': annotations,
        'categories': [{'id': number, 'name': name} for name, number in category_ids.items()],
    }
    write_json(folder / COCO_FILE, content)
    for part in _parts(folder):
        part.unlink()


def _records(folder: Path) -> dict[str, dict[str, Any]]:
    """Return what the COCO file and its parts hold, as in a line, by the names of the masks.

    Raises:
        InputError: a file is damaged or of another program.
    """
    records = _read_file(folder / COCO_FILE) if (folder / COCO_FILE).is_file() else {}
    for part in _parts(folder):
        try:
            for line in complete_lines(part):
                record = json.loads(line)
                records[record['name']] = record
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(f'{part}: damaged ({error}); {_REMEDY}') from error
    return records


def _read_file(path: Path) -> dict[str, dict[str, Any]]:
    content = read_checked_json(path, {}, _REMEDY)
    try:
        names = {category['id']: category['name'] for category in content['categories']}
        records: dict[int, dict[str, Any]] = {}
        for image in content['images']:
            facts = {key: image[key] for key in ('file_name', 'height', 'width')}
            records[image['id']] = {'name': image['mask'], 'image': facts, 'annotations': []}
        for annotation in content['annotations']:
            kept = {'category': names[annotation['category_id']]}
            kept |= {k: annotation[k] for k in annotation if k not in _FILE_KEYS}
            records[annotation['image_id']]['annotations'].append(kept)
        return {record['name']: record for record in records.values()}
    except (KeyError, TypeError) as error:
        raise InputError(
            f'{path}: damaged, or not written by predict.py ({error!r}); {_REMEDY}'
        ) from error


_FILE_KEYS = ('id', 'image_id', 'category_id')


def _parts(folder: Path) -> list[Path]:
    return sorted(folder.glob(_PART.format('*')))
