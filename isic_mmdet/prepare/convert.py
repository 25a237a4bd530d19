"""Converts one image and its true lesions to the prepared files and a record of them."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from isic_mmdet.images.decoding import UnreadableError
from isic_mmdet.images.encoding import encode_jpeg
from isic_mmdet.images.reading import UprightImage, read_official_image
from isic_mmdet.images.sources import SourceFile
from isic_mmdet.isic.duplicates import HASHED_SIDE, difference_hash
from isic_mmdet.isic.layouts import PairError
from isic_mmdet.masks.bit_mask import BitMask
from isic_mmdet.masks.resize import ResizeRule, crop_center, reduce_bit_mask, resize_image
from isic_mmdet.masks.run_lengths import bounding_box, encode_run_lengths
from isic_mmdet.prepare.record import FORMAT, Lesion, Record, digest, image_path, mask_path
from isic_mmdet.prepare.truth import TrueLesions, Truth, TruthError
from isic_mmdet.utils.files import write_atomically


@dataclass(frozen=True)
class Sample:
    """An image and the source of its true lesions."""

    isic_id: str
    image: SourceFile
    truth: Truth


@dataclass(frozen=True)
class Job:
    """One sample to be made: id and key of its record, and the call that makes it."""

    isic_id: str
    key: str
    call: 'partial[Record | PairError]'


def sample_job(sample: Sample, rule: ResizeRule, out: Path) -> Job:
    """Return the job that calls `convert`."""
    key = digest(FORMAT, rule, sample.image.identity, sample.truth.identity)
    return Job(sample.isic_id, key, partial(convert, sample, rule, out, key))


def convert(sample: Sample, rule: ResizeRule, out: Path, key: str = '') -> Record | PairError:
    """Decode, check, resize and write one image with its lesions.

    Args:
        sample: image and truth.
        rule: size of the prepared image.
        out: folder of the prepared data set.
        key: of the record.

    Returns:
        The record of the two files written, or the first error found, with nothing written.
    """
    try:
        image = read_official_image(sample.image, partial(_least_size, rule))
    except UnreadableError as reason:
        detail = f'{sample.image}: {reason}; get it again, or save it as PNG with 8 bits a color'
        return PairError(sample.isic_id, 'unreadable image', detail)
    try:
        truth = sample.truth.read(*image.frame.shape)
        turned = _oriented(sample, image, truth)
        size = rule.size(*image.frame.shape)
        is_cropped = rule.crops and size != image.frame.shape
        stored = turned.cropped(rule.side) if is_cropped else turned
        lesions = _reduced(sample.truth, stored, size, rule)
    except TruthError as error:
        return PairError(sample.isic_id, error.kind, error.detail)

    pixels, extent = image.pixels, image.frame.extent
    if is_cropped:
        pixels, extent = crop_center(pixels, rule.side), size
    if image.is_plain and size == image.frame.shape:
        jpeg = image.data
    else:
        jpeg = encode_jpeg(resize_image(pixels, size, extent))
    mask = stored.mask
    write_atomically(out / image_path(sample.isic_id), jpeg)
    write_atomically(out / mask_path(sample.isic_id), mask.data)
    return Record(
        isic_id=sample.isic_id,
        key=key,
        height=size[0],
        width=size[1],
        original_height=mask.lesion.shape[0],
        original_width=mask.lesion.shape[1],
        lesions=lesions,
        share=round(mask.lesion.area() / mask.lesion.size, 6),
        touches_border=mask.lesion.touches_border(),
        grays=mask.grays,
        rule=turned.rule,
        hash=difference_hash(pixels),
        image_bytes=len(jpeg),
        mask_bytes=len(mask.data),
        orientation=image.orientation,
        mask_was_upright=turned is truth and image.orientation != 1,
        is_deep=image.is_deep,
    )


def _reduced(
    truth: Truth, found: TrueLesions, size: tuple[int, int], rule: ResizeRule
) -> list[Lesion]:
    """Return the lesions at the size of the prepared image."""
    lesions = []
    for mask, category in found.lesions:
        if not mask.area():
            raise TruthError('lesion lost', f'{truth}: a lesion is outside the crop of {rule}')
        reduced = reduce_bit_mask(mask, size)
        if not reduced.any():
            lost = f'none of its {mask.area()} lesion pixels survives {rule}'
            raise TruthError('lesion lost', f'{truth}: {lost}; use a larger --resize')
        area = int(np.count_nonzero(reduced))
        code = encode_run_lengths(reduced)
        lesions.append(Lesion(bounding_box(reduced), area, code, category))
    return lesions


def _oriented(sample: Sample, image: UprightImage, found: TrueLesions) -> TrueLesions:
    """Return the lesions of an upright image upright, too.

    If the image is stored turned or mirrored and the mask has no EXIF entry, its shape decides.
    If the shape fits both, the mask belongs to the image as it is stored: so do masks of
    `tools/predict.py`, and of every tool that does not know EXIF. If the colors say clearly that
    it belongs to the upright image instead, either may be wrong. Outlines belong to the upright
    image if their shape fits it.

    Raises:
        TruthError: it is unclear how the mask lies, or it has another size.
    """
    shape = image.frame.shape
    oriented = found
    if image.orientation != 1 and found.mask.orientation == 1 and not found.is_upright:
        stored_shape = shape[::-1] if image.orientation >= 5 else shape
        if found.mask.lesion.shape == stored_shape:
            oriented = found.turned(image.orientation)
            if stored_shape == shape and _belongs_to_upright(image, oriented, found):
                detail = (
                    f'{sample.image} is stored turned or mirrored (EXIF orientation '
                    f'{image.orientation}), and {sample.truth} seems to belong to the image as it '
                    'is shown; save the image upright, without the EXIF entry'
                )
                raise TruthError('unclear orientation', detail)
    height, width = oriented.mask.lesion.shape
    if (height, width) != shape:
        sizes = f'image {shape[1]} x {shape[0]}, mask {width} x {height}'
        detail = f'{sizes} (width x height): {sample.truth}; replace the wrong one'
        raise TruthError('size mismatch', detail)
    return oriented


def _belongs_to_upright(image: UprightImage, turned: TrueLesions, found: TrueLesions) -> bool:
    by_rule, otherwise = (_contrast(image, each.mask.lesion) for each in (turned, found))
    return otherwise > 1.2 * by_rule + 3


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
    if rule.crops:
        return height, width
    return max(size[0], HASHED_SIDE), max(size[1], HASHED_SIDE)
