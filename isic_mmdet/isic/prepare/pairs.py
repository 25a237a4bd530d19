"""Converts one official image and mask to the prepared files and a record of them."""

import hashlib
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from isic_mmdet.images.decoding import UnreadableError
from isic_mmdet.images.encoding import encode_jpeg
from isic_mmdet.images.reading import UprightImage, read_official_image
from isic_mmdet.isic.duplicates import HASHED_SIDE, difference_hash
from isic_mmdet.isic.layouts import Pair, PairError
from isic_mmdet.masks.bit_mask import BitMask
from isic_mmdet.masks.mask_files import DecodedMask, decode_mask
from isic_mmdet.masks.resize import ResizeRule, reduce_bit_mask, resize_image
from isic_mmdet.masks.run_lengths import bounding_box, encode_run_lengths, run_lengths_problem
from isic_mmdet.utils.files import write_atomically
from isic_mmdet.utils.schema import COUNT, FLAG, NUMBER, TEXT, Shape, shape_errors

#: Goes up whenever a prepared file or record of the same input would come out differently.
FORMAT = 4

_SHAPES: dict[Any, Shape] = {
    str: TEXT,
    int: COUNT,
    float: NUMBER,
    bool: FLAG,
    list[int]: [COUNT],
}


@dataclass(frozen=True)
class Record:
    """What is known of a prepared pair, in pixels of the prepared image unless noted."""

    isic_id: str  # with the direction behind it for a flipped copy
    key: str  # another key means another result; see `digest`
    height: int
    width: int
    original_height: int  # of the official mask
    original_width: int
    bbox: list[int]  # x, y, width, height
    area: int  # lesion pixels
    counts: str  # the lesion as COCO's compressed run lengths
    share: float  # of lesion in the official mask, 0 to 1
    touches_border: bool  # of the official mask
    grays: int  # pixels of the official mask that are neither 0 nor 255
    hash: str  # difference hash of the official image, as it was decoded
    image_bytes: int  # size of the prepared file
    mask_bytes: int
    orientation: int  # EXIF's number of how the official image is stored; 1 is upright
    copy_of: str = ''  # id of the original of a flipped copy

    @property
    def official_id(self) -> str:
        """Id under which the challenge published the image, and under which labels are known."""
        return self.copy_of or self.isic_id

    def is_sound(self) -> bool:
        """Return whether a record that was read from a file is undamaged."""
        shape: Shape = {name: _SHAPES[kind] for name, kind in self.__annotations__.items()}
        code = {'size': [self.height, self.width], 'counts': self.counts}
        return not (
            shape_errors(vars(self), shape) or run_lengths_problem(code, self.height, self.width)
        )

    def files_are_there(self, out: Path) -> bool:
        """Return whether both prepared files still lie in `out` at their full size."""
        image, mask = out / image_path(self.isic_id), out / mask_path(self.isic_id)
        return all(
            path.is_file() and path.stat().st_size == size
            for path, size in ((image, self.image_bytes), (mask, self.mask_bytes))
        )


@dataclass(frozen=True)
class Job:
    """One sample to be made: id and key of its record, and the call that makes it."""

    isic_id: str
    key: str
    call: 'partial[Record | PairError]'


def image_path(isic_id: str) -> str:
    """Return where the prepared image lies, relative to the prepared data set."""
    return f'images/{isic_id}.jpg'


def mask_path(isic_id: str) -> str:
    """Return where the copy of the official mask lies, relative to the prepared data set."""
    return f'original_masks/{isic_id}_segmentation.png'


def digest(*parts: object) -> str:
    """Return 32 hexadecimal digits that change when the text of any part changes."""
    return hashlib.sha256('|'.join(map(str, parts)).encode()).hexdigest()[:32]


def pair_job(pair: Pair, rule: ResizeRule, foreground: int, out: Path) -> Job:
    """Return the job that calls `convert_pair`."""
    key = digest(FORMAT, rule, foreground, pair.image.identity, pair.mask.identity)
    return Job(pair.isic_id, key, partial(convert_pair, pair, rule, foreground, out, key))


def convert_pair(
    pair: Pair, rule: ResizeRule, foreground: int, out: Path, key: str = ''
) -> Record | PairError:
    """Decode, check, resize and write one pair.

    Args:
        pair: image and mask of the same id.
        rule: size of the prepared image.
        foreground: lowest gray value of a lesion pixel, 1 to 255.
        out: folder of the prepared data set.
        key: of the record.

    Returns:
        The record of the two files written, or the first error found, with nothing written.
    """
    error = partial(PairError, pair.isic_id)
    try:
        image = read_official_image(pair.image, partial(_least_size, rule))
    except UnreadableError as reason:
        return error('unreadable image', f'{pair.image}: {reason}; get it again')
    try:
        mask = decode_mask(pair.mask, foreground)
    except UnreadableError as reason:
        return error('unreadable mask', f'{pair.mask}: {reason}; get it again')
    oriented = _oriented(image, mask)
    if oriented is None:
        detail = (
            f'{pair.image} is stored turned or mirrored (EXIF orientation {image.orientation}), '
            f'and {pair.mask} seems to belong to the image as it is shown; save the image '
            'upright, without the EXIF entry'
        )
        return error('unclear orientation', detail)
    mask = oriented
    height, width = mask.lesion.shape
    if image.frame.shape != mask.lesion.shape:
        sizes = f'image {image.frame.shape[1]} x {image.frame.shape[0]}, mask {width} x {height}'
        detail = f'{sizes} (width x height): {pair.mask}; get both again'
        return error('size mismatch', detail)
    lesion_pixels = mask.lesion.area()
    if not lesion_pixels:
        remedy = _remedy_of_empty(mask.brightest)
        return error('empty mask', f'{pair.mask}: no pixel of {foreground} or more, {remedy}')
    size = rule.size(height, width)
    lesion = reduce_bit_mask(mask.lesion, size)
    if not lesion.any():
        lost = f'none of its {lesion_pixels} lesion pixels survives {rule}'
        return error('lesion lost', f'{pair.mask}: {lost}; use a larger --resize')

    if image.is_plain and size == (height, width):
        jpeg = image.data
    else:
        jpeg = encode_jpeg(resize_image(image.pixels, size, image.frame.extent))
    write_atomically(out / image_path(pair.isic_id), jpeg)
    write_atomically(out / mask_path(pair.isic_id), mask.data)
    return Record(
        isic_id=pair.isic_id,
        key=key,
        height=size[0],
        width=size[1],
        original_height=height,
        original_width=width,
        bbox=bounding_box(lesion),
        area=int(np.count_nonzero(lesion)),
        counts=encode_run_lengths(lesion),
        share=round(lesion_pixels / mask.lesion.size, 6),
        touches_border=mask.lesion.touches_border(),
        grays=mask.grays,
        hash=difference_hash(image.pixels),
        image_bytes=len(jpeg),
        mask_bytes=len(mask.data),
        orientation=image.orientation,
    )


def _remedy_of_empty(brightest: int) -> str:
    if brightest == 0:
        return 'all are 0; get it again'
    found = 'it holds only 0 and 1' if brightest == 1 else f'the brightest is {brightest}'
    return f'{found}; save it with 0 and 255, or use --foreground {brightest}'


def _oriented(image: UprightImage, mask: DecodedMask) -> DecodedMask | None:
    """Return the mask of an upright image upright, too; None where that is unclear.

    If the image is stored turned or mirrored and the mask has no EXIF entry, its shape decides.
    If the shape fits both, the mask belongs to the image as it is stored: so do masks of
    `tools/predict.py`, and of every tool that does not know EXIF. If the colors say clearly that
    it belongs to the upright image instead, either may be wrong.
    """
    if image.orientation == 1 or mask.orientation != 1:
        return mask
    stored_shape = image.frame.shape[::-1] if image.orientation >= 5 else image.frame.shape
    if mask.lesion.shape != stored_shape:
        return mask
    turned = mask.turned(image.orientation)
    if stored_shape != image.frame.shape:
        return turned
    by_rule, otherwise = (_contrast(image, each.lesion) for each in (turned, mask))
    return None if otherwise > 1.2 * by_rule + 3 else turned


def _contrast(image: UprightImage, lesion: BitMask) -> float:
    """Return the distance between the mean colors of lesion and skin, in gray levels."""
    mask = lesion.unpacked().view(np.uint8)
    inside, outside = (np.array(cv2.mean(image.pixels, each)[:3]) for each in (mask, 1 - mask))
    return float(np.linalg.norm(inside - outside))


def _least_size(rule: ResizeRule, height: int, width: int) -> tuple[int, int]:
    """Return the height and width that a plain JPEG has to be decoded to."""
    size = rule.size(height, width)
    if size == (height, width):
        return HASHED_SIDE, HASHED_SIDE  # it is copied, and its pixels are only hashed
    return max(size[0], HASHED_SIDE), max(size[1], HASHED_SIDE)
