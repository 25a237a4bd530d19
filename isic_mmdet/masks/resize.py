"""How images and masks are resized, and the rules by which preparation changes their size.

Only `center-crop` enlarges, and only images of which a side is smaller than the crop. An image fits
its mask to a fraction of a prepared pixel, also if it comes from a JPEG that was decoded at reduced
scale.
"""

import re
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from isic_mmdet.errors import InputError
from isic_mmdet.masks.bit_mask import BitMask

#: The `quarter` rule: images of more than this many pixels shrink to a quarter of each side.
QUARTER_AREA = 700 * 700
QUARTER_SCALE = 0.25


@dataclass(frozen=True)
class ResizeRule:
    """How large a prepared image is.

    Attributes:
        name: `none`, `quarter`, `max-side` or `center-crop`.
        side: the longest side of `max-side`, or both sides of `center-crop`, in pixels.
    """

    name: str
    side: int = 0

    @property
    def crops(self) -> bool:
        """Whether only the central square of an image is kept."""
        return self.name == 'center-crop'

    def size(self, height: int, width: int) -> tuple[int, int]:
        """Return the prepared (height, width) of an official image, in pixels."""
        if self.crops:
            return self.side, self.side
        scale = 1.0
        if self.name == 'quarter' and height * width > QUARTER_AREA:
            scale = QUARTER_SCALE
        elif self.name == 'max-side':
            scale = min(1.0, self.side / max(height, width))
        return max(1, round(height * scale)), max(1, round(width * scale))

    def __str__(self) -> str:
        return f'{self.name}={self.side}' if self.side else self.name


def parse_rule(text: str) -> ResizeRule:
    """Read `none`, `quarter`, `max-side=N` or `center-crop=N`, also with a space before N.

    Raises:
        InputError: it is none of these.
    """
    if text in {'none', 'quarter'}:
        return ResizeRule(text)
    match = re.fullmatch(r'(max-side|center-crop)[= ]([1-9]\d*)', text)
    if not match:
        raise InputError(
            f'resize rule {text!r}: give none, quarter, max-side=N or center-crop=N (N >= 1 pixels)'
        )
    return ResizeRule(match[1], int(match[2]))


def crop_center(image: npt.NDArray[np.uint8], side: int) -> npt.NDArray[np.uint8]:
    """Return the central square of an (H, W, 3) uint8 image as `side` x `side` pixels.

    Each pixel is a mean of the pixels it covers, weighted by their distance (Pillow's bilinear
    filter, which the published 512 px copies of ISIC 2018 were made with).
    """
    square = Image.fromarray(image[_central_square(*image.shape[:2])])
    return np.asarray(square.resize((side, side), Image.Resampling.BILINEAR))


def crop_mask_center(mask: BitMask, side: int) -> BitMask:
    """Return the central square of a mask as `side` x `side` pixels, by nearest neighbor."""
    square = Image.fromarray(mask.unpacked()[_central_square(*mask.shape)])
    return BitMask.of(np.asarray(square.resize((side, side), Image.Resampling.NEAREST)))


def _central_square(height: int, width: int) -> tuple[slice, slice]:
    """Return the rows and the columns of the largest square in the center."""
    side = min(height, width)
    # Half a pixel is rounded to even, as in the published copies.
    top, left = round((height - side) / 2), round((width - side) / 2)
    return slice(top, top + side), slice(left, left + side)


def resize_image(
    image: npt.NDArray[np.uint8],
    size: tuple[int, int],
    extent: tuple[float, float] | None = None,
) -> npt.NDArray[np.uint8]:
    """Reduce an (H, W, 3) uint8 image to `size` = (height, width).

    If a side is halved or more, the image is averaged over area, so that every source pixel counts
    the same. Otherwise the nearest 2 x 2 are weighted by distance, which blurs less and also uses
    every source pixel.

    Args:
        image: to be resized.
        size: wanted height and width.
        extent: height and width, in pixels of `image`, of the part at the upper left that gives
            the result; at most a pixel less than the complete image, the default.
    """
    extent = extent or image.shape[:2]
    if image.shape[:2] == size == extent:
        return image
    height, width = size
    down, right = height / extent[0], width / extent[1]
    if (round(image.shape[0] * down), round(image.shape[1] * right)) == image.shape[:2]:
        # cv2.resize only copies an image of this size, but the extent may differ by rounding.
        to_source = np.array([[1 / right, 0, 0.5 / right - 0.5], [0, 1 / down, 0.5 / down - 0.5]])
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        resized = cv2.warpAffine(
            image, to_source, (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE
        )
    else:
        # With factors instead of a size, OpenCV uses them exactly and rounds the size of the
        # result, up if the pixels beyond the extent are half a pixel or more.
        method = cv2.INTER_LINEAR if min(down, right) > 0.5 else cv2.INTER_AREA
        resized = cv2.resize(image, None, fx=right, fy=down, interpolation=method)
    return np.asarray(resized[:height, :width], np.uint8)


def reduce_bit_mask(mask: BitMask, size: tuple[int, int]) -> npt.NDArray[np.bool_]:
    """Reduce a mask to `size` = (height, width), bool: lesion where it covers more than half.

    Under the `quarter` rule nearest neighbor would use one source pixel in sixteen and shift the
    outline. Pixels covered exactly half are frequent if the sides shrink by a whole factor. They
    alternate as on a chessboard, because any fixed answer would change the size of all lesions.
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
    """Resize an (h, w) bool mask without shifting or biasing its border.

    Sides that shrink are averaged over area, sides that grow are interpolated linearly, both with
    pixel centers at half-integers; a pixel is lesion if at least half of it is. A mask that has
    the size already is returned itself.
    """
    if mask.shape == (height, width):
        return mask
    h, w = mask.shape
    # 0 and 255 take a quarter of the memory of 0.0 and 1.0, and half still rounds to 128.
    gray = np.where(mask, np.uint8(255), np.uint8(0))
    gray = cv2.resize(gray, (min(w, width), min(h, height)), interpolation=cv2.INTER_AREA)
    gray = cv2.resize(gray, (width, height), interpolation=cv2.INTER_LINEAR)
    return gray >= 128


def _covered(
    mask: BitMask, size: tuple[int, int]
) -> tuple[tuple[int, int], npt.NDArray[np.float64]]:
    """Measure how far an H x W mask covers the pixels of an h x w mask, which is not larger.

    Only the places where lesion begins or ends in a row have to be added up. A grid of H x h by
    W x w parts has the pixel borders of both masks on whole numbers, so the areas are exact.

    Returns:
        Row and column of the upper left pixel of a part of the smaller mask that holds all lesion,
        and the covered area of that part's pixels, float64, in parts of the grid: 0 to H x W.
    """
    (height, width), (rows_wanted, columns_wanted) = mask.shape, size
    rows, columns, signs = mask.edges()
    if not rows.size:
        return (0, 0), np.zeros((0, 0))
    # An edge changes everything to its right: the part of its own pixel that is right of it, and
    # all later pixels. The sum along the row carries the first part on, so the next pixel gets the
    # rest of a pixel's width.
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
