"""What is known of a prepared image, and where its two files lie."""

import hashlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from isic_mmdet.masks.run_lengths import run_lengths_problem
from isic_mmdet.utils.schema import COUNT, FLAG, NUMBER, TEXT, Shape, shape_errors

#: Goes up whenever a prepared file or record of the same input would come out differently.
FORMAT = 6

_SHAPE: dict[str, Shape] = {
    'isic_id': TEXT,
    'key': TEXT,
    'height': COUNT,
    'width': COUNT,
    'original_height': COUNT,
    'original_width': COUNT,
    'lesions': [{'bbox': [COUNT], 'area': COUNT, 'counts': TEXT, 'category': TEXT}],
    'share': NUMBER,
    'touches_border': FLAG,
    'grays': COUNT,
    'rule': TEXT,
    'hash': TEXT,
    'image_bytes': COUNT,
    'mask_bytes': COUNT,
    'orientation': COUNT,
    'mask_was_upright': FLAG,
    'is_deep': FLAG,
    'copy_of': TEXT,
}


@dataclass(frozen=True)
class Lesion:
    """One instance, in pixels of the prepared image."""

    bbox: list[int]  # x, y, width, height
    area: int  # lesion pixels
    counts: str  # the lesion as COCO's compressed run lengths
    category: str = ''  # name of its class; '' if the image decides it


@dataclass(frozen=True)
class Record:
    """What is known of a prepared pair, in pixels of the prepared image unless noted."""

    isic_id: str  # with the direction behind it for a flipped copy
    key: str  # another key means another result; see `digest`
    height: int
    width: int
    original_height: int  # of the original mask
    original_width: int
    lesions: list[Lesion]  # at least one
    share: float  # of lesion in the original mask, 0 to 1
    touches_border: bool  # of the original mask
    grays: int  # pixels of the original mask that are neither 0 nor 255
    rule: str  # what counted as lesion, as it was detected; '' if a threshold was given
    hash: str  # difference hash of the original image, as it was decoded
    image_bytes: int  # size of the prepared file
    mask_bytes: int
    orientation: int  # EXIF's number of how the original image is stored; 1 is upright
    mask_was_upright: bool = False  # where the image is stored turned and its mask is not
    is_deep: bool = False  # whether a color of the original image has 16 bits
    copy_of: str = ''  # id of the original of a flipped copy

    @classmethod
    def from_json(cls, value: Any) -> 'Record | None':
        """Return the record that `as_json` wrote, or None if it is damaged."""
        if shape_errors(value, _SHAPE) or value.keys() - _SHAPE.keys() or not value['lesions']:
            return None
        size = value['height'], value['width']
        for lesion in value['lesions']:
            if run_lengths_problem({'size': [*size], 'counts': lesion['counts']}, *size):
                return None
        return cls(**{**value, 'lesions': [Lesion(**lesion) for lesion in value['lesions']]})

    def as_json(self) -> dict[str, Any]:
        """Return the record as a value that JSON knows."""
        return asdict(self)

    @property
    def official_id(self) -> str:
        """Id of the original image, under which labels are known."""
        return self.copy_of or self.isic_id

    def files_are_there(self, out: Path) -> bool:
        """Return whether both prepared files still lie in `out` at their full size."""
        image, mask = out / image_path(self.isic_id), out / mask_path(self.isic_id)
        return all(
            path.is_file() and path.stat().st_size == size
            for path, size in ((image, self.image_bytes), (mask, self.mask_bytes))
        )


def image_path(isic_id: str) -> str:
    """Return where the prepared image lies, relative to the prepared data set."""
    return f'images/{isic_id}.jpg'


def mask_path(isic_id: str) -> str:
    """Return where the original mask lies, relative to the prepared data set."""
    return f'original_masks/{isic_id}_segmentation.png'


def digest(*parts: object) -> str:
    """Return 32 hexadecimal digits that change when the text of any part changes."""
    return hashlib.sha256('|'.join(map(str, parts)).encode(errors='surrogateescape')).hexdigest()[
        :32
    ]
