"""Flipped copies of prepared pairs, stored as samples of their own.

A copy is made from the two prepared files of its original, so a flip of the copy gives the
original's masks exactly and its image up to one more JPEG compression.
"""

import dataclasses
from collections.abc import Iterable
from functools import partial
from pathlib import Path

import numpy as np
from pycocotools import mask as coco_mask

from isic_mmdet.images.decoding import UnreadableError, decode_image
from isic_mmdet.images.encoding import encode_jpeg, encode_png
from isic_mmdet.images.sources import SourceFile
from isic_mmdet.isic.layouts import PairError
from isic_mmdet.isic.prepare.pairs import (
    Record,
    digest,
    image_path,
    mask_path,
)
from isic_mmdet.isic.prepare.pool import Job
from isic_mmdet.masks.mask_files import decode_grays
from isic_mmdet.masks.run_lengths import bounding_box, encode_run_lengths
from isic_mmdet.utils.files import write_atomically

#: Splits whose images are copied; testing on copies would count every image three times.
FLIPPED_SPLITS = ('train', 'val')

# Name of a flip to the array axis that it reverses.
_AXES = {'vertical': 0, 'horizontal': 1}


def copy_ids(isic_id: str) -> list[str]:
    """Return the ids of an image's copies, such as `ISIC_0000000_vertical`."""
    return [f'{isic_id}_{direction}' for direction in _AXES]


def flip_jobs(records: Iterable[Record], out: Path) -> list[Job]:
    """Return the jobs that make the copies of prepared pairs.

    Args:
        records: the originals.
        out: folder of the prepared data set, which holds their files.
    """
    return [
        Job(
            copy_id,
            digest(record.key, direction),
            partial(flip_pair, record, direction, out),
        )
        for record in records
        for copy_id, direction in zip(copy_ids(record.isic_id), _AXES, strict=True)
    ]


def flip_pair(record: Record, direction: str, out: Path) -> Record | PairError:
    """Write one flipped copy of a prepared pair.

    Args:
        record: of the original.
        direction: `vertical` (upside down) or `horizontal` (left to right).
        out: folder of the prepared data set.

    Returns:
        The record of the copy, or an error where a file of the original was damaged since it was
        written.

    Raises:
        OSError: `out` cannot be written to.
    """
    axis = _AXES[direction]
    copy_id = f'{record.isic_id}_{direction}'
    image_file = SourceFile(out / image_path(record.isic_id), None, record.image_bytes, 0)
    mask_file = SourceFile(out / mask_path(record.isic_id), None, record.mask_bytes, 0)
    try:
        image = decode_image(image_file).pixels
        mask = decode_grays(mask_file)
    except UnreadableError as error:
        detail = f'{error}; delete {image_file} and {mask_file} and run again'
        return PairError(copy_id, 'damaged original', detail)
    rle = {'size': [record.height, record.width], 'counts': record.counts.encode()}
    lesion = np.flip(coco_mask.decode(rle) > 0, axis)
    jpeg = encode_jpeg(np.flip(image, axis))
    png = encode_png(np.flip(mask, axis))
    write_atomically(out / image_path(copy_id), jpeg)
    write_atomically(out / mask_path(copy_id), png)
    return dataclasses.replace(
        record,
        isic_id=copy_id,
        key=digest(record.key, direction),
        bbox=bounding_box(lesion),
        counts=encode_run_lengths(lesion),
        image_bytes=len(jpeg),
        mask_bytes=len(png),
        copy_of=record.isic_id,
    )
