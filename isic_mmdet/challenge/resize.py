"""The three rules by which prepared images may be made smaller, and how masks follow.

Nothing is ever enlarged. Images and masks are averaged over area, so that every source pixel
counts the same; a mask pixel is lesion where the lesion covers more than half of it, and every
other one where it covers exactly half.
"""

import re
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from isic_mmdet.errors import InputError

#: The `seed` rule: images of more than this many pixels shrink to a quarter of each side.
SEED_AREA = 700 * 700
SEED_SCALE = 0.25


@dataclass(frozen=True)
class ResizeRule:
    """How large the prepared image is.

    Attributes:
        name: `none`, `seed` or `max-side`.
        max_side: longest side allowed in pixels, for `max-side` only.
    """

    name: str
    max_side: int = 0

    def size(self, height: int, width: int) -> tuple[int, int]:
        """Return the prepared (height, width) of an official image, in pixels."""
        scale = 1.0
        if self.name == 'seed' and height * width > SEED_AREA:
            scale = SEED_SCALE
        elif self.name == 'max-side':
            scale = min(1.0, self.max_side / max(height, width))
        return max(1, round(height * scale)), max(1, round(width * scale))

    def __str__(self) -> str:
        return f'max-side={self.max_side}' if self.name == 'max-side' else self.name


def parse_rule(text: str) -> ResizeRule:
    """Read `none`, `seed`, `max-side=N` or `max-side N`.

    Raises:
        InputError: anything else.
    """
    if text in {'none', 'seed'}:
        return ResizeRule(text)
    match = re.fullmatch(r'max-side[= ]([1-9]\d*)', text)
    if not match:
        raise InputError(f'resize rule {text!r}: give none, seed or max-side=N (N >= 1 pixels)')
    return ResizeRule('max-side', int(match[1]))


def resize_image(image: npt.NDArray[np.uint8], size: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """Average an (H, W, 3) uint8 image down to `size` = (height, width)."""
    return _area(image, size).astype(np.uint8, copy=False)


def resize_mask(mask: npt.NDArray[np.bool_], size: tuple[int, int]) -> npt.NDArray[np.bool_]:
    """Bring an (H, W) bool mask to `size` = (height, width): lesion where it covers more than half.

    Nearest neighbour would look at one source pixel in sixteen under the `seed` rule and shift
    the outline. Covered exactly half, which is frequent when the sides shrink by a whole factor,
    a pixel goes by the colour it would have on a chessboard: either fixed answer would make
    every lesion larger, or every lesion smaller.
    """
    if mask.shape == size:
        return mask
    covered = _area(mask.astype(np.float32), size)
    rows, columns = np.ogrid[: size[0], : size[1]]
    return (covered > 0.5) | ((covered == 0.5) & ((rows + columns) % 2 == 0))


def _area(array: npt.NDArray, size: tuple[int, int]) -> npt.NDArray:
    if array.shape[:2] == size:
        return array
    return cv2.resize(array, size[::-1], interpolation=cv2.INTER_AREA)
