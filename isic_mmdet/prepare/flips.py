"""Flipped copies of prepared pairs, stored as samples of their own.

A copy is made from the two prepared files of its original. So a flip of the copy gives the
original's masks exactly and its image up to one more JPEG compression.
"""

import dataclasses
from functools import partial
from pathlib import Path

import numpy as np
from pycocotools import mask as coco_mask

from isic_mmdet.images.decoding import UnreadableError
from isic_mmdet.images.encoding import encode_jpeg, encode_png
from isic_mmdet.images.reading import read_official_image
from isic_mmdet.images.sources import SourceFile
from isic_mmdet.isic.layouts import PairError
from isic_mmdet.masks.mask_files import decode_grays
from isic_mmdet.masks.run_lengths import bounding_box, encode_run_lengths
from isic_mmdet.prepare.convert import Job
from isic_mmdet.prepare.record import Lesion, Record, digest, image_path, mask_path
from isic_mmdet.utils.files import write_atomically

#: Splits whose images are copied; testing on copies would count every image three times.
FLIPPED_SPLITS = ('train', 'val')

# Name of a flip to the array axis that it reverses.
_AXES = {'vertical': 0, 'horizontal': 1}


def flip_jobs(record: Record, out: Path) -> list[Job]:
    """Return the jobs that make the copies of a prepared pair, such as `ISIC_0000000_vertical`."""
    jobs = []
    for direction, axis in _AXES.items():
        copy_id, key = f'{record.isic_id}_{direction}', digest(record.key, direction)
        jobs.append(Job(copy_id, key, partial(_flip_pair, record, axis, out, copy_id, key)))
    return jobs


def original_id(isic_id: str) -> str | None:
    """Return the id that the original of an image has if the image is a flipped copy, else None."""
    name, _, direction = isic_id.rpartition('_')
    return name if direction in _AXES else None


def _flip_pair(record: Record, axis: int, out: Path, copy_id: str, key: str) -> Record | PairError:
    """Write one copy and return its record, or an error where the original is damaged."""
    image_file = SourceFile(out / image_path(record.isic_id), None, record.image_bytes, 0)
    mask_file = SourceFile(out / mask_path(record.isic_id), None, record.mask_bytes, 0)
    try:
        image = read_official_image(image_file).pixels
        mask = decode_grays(mask_file)
    except UnreadableError as error:
        detail = f'{error}; delete {image_file} and {mask_file} and run again'
        return PairError(copy_id, 'damaged original', detail)
    lesions = [_flipped(lesion, (record.height, record.width), axis) for lesion in record.lesions]
    jpeg, png = encode_jpeg(np.flip(image, axis)), encode_png(np.flip(mask, axis))
    write_atomically(out / image_path(copy_id), jpeg)
    write_atomically(out / mask_path(copy_id), png)
    return dataclasses.replace(
        record,
        isic_id=copy_id,
        key=key,
        lesions=lesions,
        image_bytes=len(jpeg),
        mask_bytes=len(png),
        copy_of=record.isic_id,
    )


def _flipped(lesion: Lesion, size: tuple[int, int], axis: int) -> Lesion:
    code = {'size': [*size], 'counts': lesion.counts.encode()}
    mask = np.flip(coco_mask.decode(code) > 0, axis)
    return dataclasses.replace(lesion, bbox=bounding_box(mask), counts=encode_run_lengths(mask))
