"""EXIF orientation: from stored pixels to the upright image and back.

EXIF's orientation tag (0x0112, CIPA DC-008) says how a viewer has to rotate or mirror the stored
pixels. Each of the eight ways back is an optional transposition followed by flips.
"""

from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

Pixels = TypeVar('Pixels', bound=np.generic)
Box = tuple[float, float, float, float]


class WayBack(NamedTuple):
    """Whether to transpose, and then which axes to flip."""

    transpose: bool
    flip_rows: bool
    flip_columns: bool


ORIENTATION_TAG = 0x0112
#: The numbers that EXIF defines; viewers treat any other as 1.
ORIENTATIONS = range(1, 9)

_WAYS_BACK = {
    1: WayBack(False, False, False),
    2: WayBack(False, False, True),
    3: WayBack(False, True, True),
    4: WayBack(False, True, False),
    5: WayBack(True, False, False),
    6: WayBack(True, True, False),
    7: WayBack(True, True, True),
    8: WayBack(True, False, True),
}


def way_back(orientation: int) -> WayBack:
    """Return how upright pixels become stored pixels; see the module."""
    return _WAYS_BACK.get(orientation, _WAYS_BACK[1])


def upright(stored: NDArray[Pixels], orientation: int) -> NDArray[Pixels]:
    """Return stored pixels as a viewer shows them.

    Args:
        stored: (H, W) or (H, W, C).
        orientation: EXIF's number, 1 to 8; any other counts as 1.

    Returns:
        (H, W) or (W, H) with the channels of `stored`; a view of it.
    """
    way = way_back(orientation)
    rotated = stored[:: -1 if way.flip_rows else 1, :: -1 if way.flip_columns else 1]
    return rotated.swapaxes(0, 1) if way.transpose else rotated


def stored_mask(upright: NDArray[Pixels], orientation: int) -> NDArray[Pixels]:
    """Return an (H, W) map of the upright image as a map of the stored pixels.

    Args:
        upright: (H, W), as a viewer shows the image.
        orientation: EXIF's number, 1 to 8; any other counts as 1.

    Returns:
        (H, W), or (W, H) where the image is stored on its side; a view of `upright`.
    """
    way = way_back(orientation)
    stored = upright.T if way.transpose else upright
    return stored[:: -1 if way.flip_rows else 1, :: -1 if way.flip_columns else 1]


def stored_box(upright: Box, shape: tuple[int, int], orientation: int) -> Box:
    """Return a box of the upright image as a box of the stored pixels.

    Args:
        upright: x, y, width, height in pixels.
        shape: height and width of the upright image.
        orientation: see `stored_mask`.
    """
    way = way_back(orientation)
    x, y, width, height = upright
    rows, columns = shape
    if way.transpose:
        x, y, width, height, rows, columns = y, x, height, width, columns, rows
    if way.flip_rows:
        y = rows - y - height
    if way.flip_columns:
        x = columns - x - width
    return x, y, width, height
