"""EXIF orientation: from stored pixels to the upright image and back.

EXIF's orientation tag (0x0112, CIPA DC-008), 1 to 8, says how a viewer has to rotate or mirror the
stored pixels; 1 is not at all.
"""

from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

Pixels = TypeVar('Pixels', bound=np.generic)
Box = tuple[float, float, float, float]

ORIENTATION_TAG = 0x0112


class WayBack(NamedTuple):
    """How upright pixels become stored ones: transposed or not, then flipped along some axes."""

    transpose: bool
    flip_rows: bool
    flip_columns: bool

    def flip(self, pixels: NDArray[Pixels]) -> NDArray[Pixels]:
        """Return a flipped view of (H, W) or (H, W, C) pixels."""
        return pixels[:: -1 if self.flip_rows else 1, :: -1 if self.flip_columns else 1]


#: By EXIF's number.
WAYS_BACK = {
    1: WayBack(False, False, False),
    2: WayBack(False, False, True),
    3: WayBack(False, True, True),
    4: WayBack(False, True, False),
    5: WayBack(True, False, False),
    6: WayBack(True, True, False),
    7: WayBack(True, True, True),
    8: WayBack(True, False, True),
}


def upright(stored: NDArray[Pixels], orientation: int) -> NDArray[Pixels]:
    """Return a view of (H, W) or (H, W, C) stored pixels as a viewer shows them."""
    way = WAYS_BACK[orientation]
    flipped = way.flip(stored)
    return flipped.swapaxes(0, 1) if way.transpose else flipped


def stored_mask(upright: NDArray[Pixels], orientation: int) -> NDArray[Pixels]:
    """Return a view of an upright (H, W) map, or (H, W, C) image, as its pixels are stored."""
    way = WAYS_BACK[orientation]
    return way.flip(upright.swapaxes(0, 1) if way.transpose else upright)


def stored_box(upright: Box, shape: tuple[int, int], orientation: int) -> Box:
    """Return a box, x, y, width, height, of the upright image as a box of the stored pixels.

    `shape` is height and width of the upright image.
    """
    way = WAYS_BACK[orientation]
    x, y, width, height = upright
    rows, columns = shape
    if way.transpose:
        x, y, width, height, rows, columns = y, x, height, width, columns, rows
    if way.flip_rows:
        y = rows - y - height
    if way.flip_columns:
        x = columns - x - width
    return x, y, width, height
