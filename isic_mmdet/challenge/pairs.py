"""One pair: from the official image and mask to the prepared files and what is known of them."""

import hashlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pycocotools import mask as coco_mask

from isic_mmdet.challenge.duplicates import difference_hash
from isic_mmdet.challenge.faults import Fault
from isic_mmdet.challenge.images import (
    UnreadableError,
    decode_image,
    decode_mask,
    encode_jpeg,
)
from isic_mmdet.challenge.layouts import Pair
from isic_mmdet.challenge.resize import ResizeRule, resize_image, resize_mask
from isic_mmdet.files import write_atomically

#: Goes up whenever a prepared file or record of the same input would come out differently.
FORMAT = 1


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
        greys: pixels of the official mask that are neither 0 nor 255.
        hash: difference hash of the official image.
        image_bytes, mask_bytes: sizes of the two prepared files.
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
    greys: int
    hash: str
    image_bytes: int
    mask_bytes: int
    copy_of: str = ''

    @property
    def official_id(self) -> str:
        """Id under which the challenge published the image, and under which labels are known."""
        return self.copy_of or self.isic_id

    def as_dict(self) -> dict[str, Any]:
        """Return the record as a JSON object."""
        return asdict(self)

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


def convert_pair(pair: Pair, rule: ResizeRule, foreground: int, out: Path) -> Record | Fault:
    """Decode, check, resize and write one pair.

    Args:
        pair: image and mask of the same id.
        rule: how large the prepared image becomes.
        foreground: grey value from which on a mask pixel is lesion, 1 to 255.
        out: folder of the prepared data set.

    Returns:
        The record of the two files written, or the first fault found, with nothing written.

    Raises:
        OSError: `out` cannot be written to.
    """
    try:
        image = decode_image(pair.image)
    except UnreadableError as error:
        return Fault(pair.isic_id, 'unreadable image', f'{pair.image}: {error}')
    try:
        mask = decode_mask(pair.mask, foreground)
    except UnreadableError as error:
        return Fault(pair.isic_id, 'unreadable mask', f'{pair.mask}: {error}')

    height, width = mask.lesion.shape
    if image.pixels.shape[:2] != mask.lesion.shape:
        image_height, image_width = image.pixels.shape[:2]
        sizes = f'image {image_width} x {image_height}, mask {width} x {height} (width x height)'
        return Fault(pair.isic_id, 'size mismatch', f'{sizes}: {pair.mask}')
    if not mask.lesion.any():
        brightest = mask.values.max()
        detail = f'{pair.mask}: no pixel of {foreground} or more, the brightest is {brightest}'
        return Fault(pair.isic_id, 'empty mask', detail)
    size = rule.size(height, width)
    lesion = resize_mask(mask.lesion, size)
    if not lesion.any():
        detail = f'{pair.mask}: none of its {mask.lesion.sum()} lesion pixels survives {rule}'
        return Fault(pair.isic_id, 'lesion lost', detail)

    if image.is_plain and size == (height, width):
        jpeg = image.data
    else:
        jpeg = encode_jpeg(resize_image(image.pixels, size))
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
        area=int(lesion.sum()),
        counts=encode_lesion(lesion),
        share=round(float(mask.lesion.mean()), 6),
        touches_border=_touches_border(mask.lesion),
        greys=mask.greys,
        hash=difference_hash(image.pixels),
        image_bytes=len(jpeg),
        mask_bytes=len(mask.data),
    )


def encode_lesion(lesion: npt.NDArray[np.bool_]) -> str:
    """Return an (H, W) bool mask as COCO's compressed run lengths."""
    encoded = coco_mask.encode(np.asfortranarray(lesion, dtype=np.uint8))
    return encoded['counts'].decode('ascii')


def bounding_box(mask: npt.NDArray[np.bool_]) -> list[int]:
    """Return x, y, width, height in pixels of the tightest box around a non-empty mask."""
    columns = np.flatnonzero(mask.any(axis=0))
    rows = np.flatnonzero(mask.any(axis=1))
    x, y = int(columns[0]), int(rows[0])
    return [x, y, int(columns[-1]) - x + 1, int(rows[-1]) - y + 1]


def _touches_border(mask: npt.NDArray[np.bool_]) -> bool:
    edges = (mask[0], mask[-1], mask[:, 0], mask[:, -1])
    return any(bool(edge.any()) for edge in edges)
