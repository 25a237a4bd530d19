"""The three rules by which prepared images may be made smaller, and how masks follow.

Nothing is ever enlarged. A mask pixel is lesion where the lesion covers more than half of it, and
every other one where it covers exactly half. An image is averaged, and lies over its mask to a
fraction of a prepared pixel, also where it comes from a JPEG decoded at reduced scale.
"""

import re
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from isic_mmdet.errors import InputError
from isic_mmdet.masks.bit_mask import BitMask

#: The `quarter` rule: images of more than this many pixels shrink to a quarter of each side.
QUARTER_AREA = 700 * 700
QUARTER_SCALE = 0.25


@dataclass(frozen=True)
class ResizeRule:
    """How large the prepared image is.

    Attributes:
        name: `none`, `quarter` or `max-side`.
        max_side: longest side allowed in pixels, for `max-side` only.
    """

    name: str
    max_side: int = 0

    def size(self, height: int, width: int) -> tuple[int, int]:
        """Return the prepared (height, width) of an official image, in pixels."""
        scale = 1.0
        if self.name == 'quarter' and height * width > QUARTER_AREA:
            scale = QUARTER_SCALE
        elif self.name == 'max-side':
            scale = min(1.0, self.max_side / max(height, width))
        return max(1, round(height * scale)), max(1, round(width * scale))

    def __str__(self) -> str:
        return f'max-side={self.max_side}' if self.name == 'max-side' else self.name


def parse_rule(text: str) -> ResizeRule:
    """Read `none`, `quarter`, `max-side=N` or `max-side N`.

    Raises:
        InputError: anything else.
    """
    if text in {'none', 'quarter'}:
        return ResizeRule(text)
    match = re.fullmatch(r'max-side[= ]([1-9]\d*)', text)
    if not match:
        raise InputError(f'resize rule {text!r}: give none, quarter or max-side=N (N >= 1 pixels)')
    return ResizeRule('max-side', int(match[1]))


def resize_image(
    image: npt.NDArray[np.uint8],
    size: tuple[int, int],
    extent: tuple[float, float] | None = None,
) -> npt.NDArray[np.uint8]:
    """Bring an (H, W, 3) uint8 image down to `size` = (height, width).

    To half a side or less it is averaged over area, so that every source pixel counts the same.
    Above that the nearest 2 x 2 are weighted by distance: there this leaves out no source pixel
    either, and blurs less.

    Args:
        image: to be resized.
        size: height and width wanted.
        extent: height and width, in pixels of `image`, of what is to be brought to `size`, from
            the upper left corner on: less than a pixel less than all of it, the default.
    """
    extent = extent or image.shape[:2]
    if image.shape[:2] == size == extent:
        return image
    height, width = size
    down, right = height / extent[0], width / extent[1]
    if (round(image.shape[0] * down), round(image.shape[1] * right)) == image.shape[:2]:
        # cv2.resize copies what has the size already, but the extent may be off by rounding.
        to_source = np.array([[1 / right, 0, 0.5 / right - 0.5], [0, 1 / down, 0.5 / down - 0.5]])
        resized = cv2.warpAffine(
            image,
            to_source,
            (width, height),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
    else:
        # Given factors instead of a size, OpenCV keeps to them, and rounds the size of the result:
        # up where the pixels beyond the extent are worth half a one.
        method = cv2.INTER_LINEAR if min(down, right) > 0.5 else cv2.INTER_AREA
        resized = cv2.resize(image, None, fx=right, fy=down, interpolation=method)
    return np.asarray(resized[:height, :width], np.uint8)


def reduce_bit_mask(mask: BitMask, size: tuple[int, int]) -> npt.NDArray[np.bool_]:
    """Bring a mask to `size` = (height, width), bool: lesion where it covers more than half.

    Nearest neighbor would look at one source pixel in sixteen under the `quarter` rule and shift
    the outline. Covered exactly half, which is frequent when the sides shrink by a whole factor,
    a pixel goes by the color it would have on a chessboard: either fixed answer would make
    every lesion larger, or every lesion smaller.
    """
    if mask.shape == size:
        return mask.unpacked()
    lesion = np.zeros(size, np.bool_)
    (top, left), covered = _covered(mask, size)
    part = lesion[top : top + covered.shape[0], left : left + covered.shape[1]]
    np.greater(covered, mask.size / 2, out=part)
    rows, columns = np.divmod(np.flatnonzero(covered == mask.size / 2), part.shape[1])
    part[rows, columns] = (rows + top + columns + left) % 2 == 0
    return lesion


def resize_mask(mask: npt.NDArray[np.bool_], height: int, width: int) -> npt.NDArray[np.bool_]:
    """Bring a binary mask to another size without shifting or biasing its border.

    Sides that shrink are averaged over area, sides that grow are interpolated linearly, both with
    pixel centers at half-integers; a pixel is lesion where at least half of it is.

    Args:
        mask: (h, w) bool.
        height: wanted height in pixels.
        width: wanted width in pixels.

    Returns:
        (height, width) bool; `mask` itself if it has that size already.
    """
    if mask.shape == (height, width):
        return mask
    h, w = mask.shape
    # 0 and 255 rather than 0.0 and 1.0: a quarter of the memory, and half still rounds to 128.
    gray = np.where(mask, np.uint8(255), np.uint8(0))
    gray = cv2.resize(gray, (min(w, width), min(h, height)), interpolation=cv2.INTER_AREA)
    gray = cv2.resize(gray, (width, height), interpolation=cv2.INTER_LINEAR)
    return gray >= 128


def _covered(
    mask: BitMask, size: tuple[int, int]
) -> tuple[tuple[int, int], npt.NDArray[np.float64]]:
    """Measure how far a mask covers the pixels of a smaller one.

    Only where lesion begins or ends in a row is there anything to add up. On a grid that divides
    the height into H x h parts and the width into W x w, the borders of both masks' pixels lie on
    whole numbers, so that the areas are exact.

    Args:
        mask: H x W pixels.
        size: h and w, at most H and W.

    Returns:
        Row and column of the upper left pixel of a part of the smaller mask that holds all lesion,
        and the covered area of that part's pixels, (rows, columns) float64, in parts of the grid:
        0 to H x W.
    """
    (height, width), (rows_wanted, columns_wanted) = mask.shape, size
    rows, columns, signs = mask.edges()
    if not rows.size:
        return (0, 0), np.zeros((0, 0))
    # From an edge on all is lesion, or all is not: it changes the cover of the pixel that it falls
    # into by what lies right of it, and by the rest of the pixel's width that of the next.
    column, before = np.divmod(columns * columns_wanted, width)
    row, above = np.divmod(rows * rows_wanted, height)
    # A source row ends in the row where it begins, or in the next.
    here = np.minimum(height - above, rows_wanted)
    top, left = int(row.min()), int(column.min())
    shape = int(row.max()) - top + 2, int(column.max()) - left + 2
    corner = (row - top) * shape[1] + column - left
    places = np.concatenate([corner, corner + 1, corner + shape[1], corner + shape[1] + 1])
    parts = [(width - before) * here, before * here]
    parts += [(width - before) * (rows_wanted - here), before * (rows_wanted - here)]
    weights = (np.concatenate(parts) * np.tile(signs, 4)).astype(np.float64)
    changes = np.bincount(places, weights, shape[0] * shape[1])
    covered = changes.reshape(shape).cumsum(axis=1)
    return (top, left), covered[: rows_wanted - top, : columns_wanted - left]
