"""One pair: from the official image and mask to the prepared files and what is known of them."""

import hashlib
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from isic_mmdet.images.decoding import DecodedImage, UnreadableError, decode_image
from isic_mmdet.images.encoding import encode_jpeg
from isic_mmdet.isic.duplicates import HASHED_SIDE, difference_hash
from isic_mmdet.isic.layouts import Pair, PairError
from isic_mmdet.masks.bit_mask import BitMask
from isic_mmdet.masks.mask_files import DecodedMask, decode_mask
from isic_mmdet.masks.resize import ResizeRule, reduce_bit_mask, resize_image
from isic_mmdet.masks.run_lengths import bounding_box, encode_run_lengths, run_lengths_problem
from isic_mmdet.utils.files import write_atomically

#: Goes up whenever a prepared file or record of the same input would come out differently.
FORMAT = 4


@dataclass(frozen=True)
class Record:
    """What is known of a prepared pair; all pixels are those of the prepared size unless noted.

    Attributes:
        isic_id: id of the image.
        key: digest of the sources' identity, the rule and the foreground; another key means
            another result.
        height, width: size of the prepared image.
        original_height, original_width: size of the official mask.
        bbox: x, y, width, height of the box around the lesion.
        area: lesion pixels.
        counts: the lesion as COCO's compressed run lengths.
        share: lesion share of the official mask, 0 to 1.
        touches_border: whether the lesion reaches the edge of the official mask.
        grays: pixels of the official mask that are neither 0 nor 255.
        hash: difference hash of the official image, as it was decoded.
        image_bytes, mask_bytes: sizes of the two prepared files.
        orientation: EXIF's number of how the official image is stored, 1 where it is upright.
        copy_of: of a flipped copy, the id of its original; else empty.
    """

    isic_id: str
    key: str
    height: int
    width: int
    original_height: int
    original_width: int
    bbox: list[int]
    area: int
    counts: str
    share: float
    touches_border: bool
    grays: int
    hash: str
    image_bytes: int
    mask_bytes: int
    orientation: int
    copy_of: str = ''

    @property
    def official_id(self) -> str:
        """Id under which the challenge published the image, and under which labels are known."""
        return self.copy_of or self.isic_id

    def as_dict(self) -> dict[str, Any]:
        """Return the record as a JSON object."""
        return dict(vars(self))

    def is_sound(self) -> bool:
        """Tell whether every value is of its kind, and the run lengths make the mask they should.

        A record that was read may be damaged.
        """
        for name, kind in self.__annotations__.items():
            value = getattr(self, name)
            if kind == list[int]:
                if not isinstance(value, list) or any(type(number) is not int for number in value):
                    return False
            elif type(value) is not kind:
                return False
        code = {'size': [self.height, self.width], 'counts': self.counts}
        return run_lengths_problem(code, self.height, self.width) is None

    def files_are_there(self, out: Path) -> bool:
        """Tell whether both prepared files still lie in `out` at their full size."""
        sizes = {
            image_path(self.isic_id): self.image_bytes,
            mask_path(self.isic_id): self.mask_bytes,
        }
        return all(
            (out / path).is_file() and (out / path).stat().st_size == size
            for path, size in sizes.items()
        )


def image_path(isic_id: str) -> str:
    """Return where the prepared image lies, relative to the prepared data set."""
    return f'images/{isic_id}.jpg'


def mask_path(isic_id: str) -> str:
    """Return where the copy of the official mask lies, relative to the prepared data set."""
    return f'original_masks/{isic_id}_segmentation.png'


def pair_key(pair: Pair, rule: ResizeRule, foreground: int) -> str:
    """Return a digest that changes when the pair's files, the settings or this program change."""
    return digest(FORMAT, rule, foreground, pair.image.identity, pair.mask.identity)


def digest(*parts: object) -> str:
    """Return 32 hexadecimal digits that change when the text of any part changes."""
    return hashlib.sha256('|'.join(map(str, parts)).encode()).hexdigest()[:32]


def convert_pair(pair: Pair, rule: ResizeRule, foreground: int, out: Path) -> Record | PairError:
    """Decode, check, resize and write one pair.

    Args:
        pair: image and mask of the same id.
        rule: how large the prepared image becomes.
        foreground: gray value from which on a mask pixel is lesion, 1 to 255.
        out: folder of the prepared data set.

    Returns:
        The record of the two files written, or the first error found, with nothing written.

    Raises:
        OSError: `out` cannot be written to.
    """
    try:
        image = decode_image(pair.image, partial(_least_size, rule))
    except UnreadableError as error:
        return PairError(pair.isic_id, 'unreadable image', f'{pair.image}: {error}; get it again')
    try:
        mask = decode_mask(pair.mask, foreground)
    except UnreadableError as error:
        return PairError(pair.isic_id, 'unreadable mask', f'{pair.mask}: {error}; get it again')

    oriented = _oriented(pair, image, mask)
    if isinstance(oriented, PairError):
        return oriented
    mask = oriented
    height, width = mask.lesion.shape
    if image.shape != mask.lesion.shape:
        image_height, image_width = image.shape
        sizes = f'image {image_width} x {image_height}, mask {width} x {height} (width x height)'
        detail = f'{sizes}: {pair.mask}; get both again'
        return PairError(pair.isic_id, 'size mismatch', detail)
    lesion_pixels = mask.lesion.area()
    if not lesion_pixels:
        detail = (
            f'{pair.mask}: no pixel of {foreground} or more, {_remedy_of_empty(mask.brightest)}'
        )
        return PairError(pair.isic_id, 'empty mask', detail)
    size = rule.size(height, width)
    lesion = reduce_bit_mask(mask.lesion, size)
    if not lesion.any():
        detail = (
            f'{pair.mask}: none of its {lesion_pixels} lesion pixels survives {rule}; use a larger '
            '--resize'
        )
        return PairError(pair.isic_id, 'lesion lost', detail)

    if image.is_plain and size == (height, width):
        jpeg = image.data
    else:
        jpeg = encode_jpeg(resize_image(image.pixels, size, image.extent))
    write_atomically(out / image_path(pair.isic_id), jpeg)
    write_atomically(out / mask_path(pair.isic_id), mask.data)
    return Record(
        isic_id=pair.isic_id,
        key=pair_key(pair, rule, foreground),
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
    held = 'it holds only 0 and 1' if brightest == 1 else f'the brightest is {brightest}'
    return f'{held}; save it with 0 and 255, or use --foreground {brightest}'


def _oriented(pair: Pair, image: DecodedImage, mask: DecodedMask) -> DecodedMask | PairError:
    """Return the mask of an upright image upright, too.

    Where the image is stored turned or mirrored and the mask says nothing of itself, its shape
    decides. Where that cannot, the mask belongs to the image as it is stored: so do masks of
    `tools/predict.py`, and of every tool that does not know EXIF. If the colors say clearly that
    it belongs to the upright image instead, the pair is an error, because either may be wrong.
    """
    if image.orientation == 1 or mask.orientation != 1:
        return mask
    is_quarter_turn = image.orientation >= 5
    stored_shape = image.shape[::-1] if is_quarter_turn else image.shape
    if mask.lesion.shape != stored_shape:
        return mask
    turned = mask.turned(image.orientation)
    if stored_shape != image.shape:
        return turned
    by_rule, otherwise = (_contrast(image, each.lesion) for each in (turned, mask))
    if otherwise > 1.2 * by_rule + 3:
        detail = (
            f'{pair.image} is stored turned or mirrored (EXIF orientation {image.orientation}), '
            f'and {pair.mask} seems to belong to the image as it is shown; save the image '
            'upright, without the EXIF entry'
        )
        return PairError(pair.isic_id, 'unclear orientation', detail)
    return turned


def _contrast(image: DecodedImage, lesion: BitMask) -> float:
    """Return the distance between the mean colors of lesion and skin, in gray levels."""
    mask = lesion.unpacked().view(np.uint8)
    inside, outside = (np.array(cv2.mean(image.pixels, each)[:3]) for each in (mask, 1 - mask))
    return float(np.linalg.norm(inside - outside))


def _least_size(rule: ResizeRule, height: int, width: int) -> tuple[int, int]:
    """Return the height and width that a plain JPEG has to be decoded to."""
    size = rule.size(height, width)
    if size == (height, width):
        return HASHED_SIDE, HASHED_SIDE  # it is copied, and its pixels are hashed alone
    return max(size[0], HASHED_SIDE), max(size[1], HASHED_SIDE)
