"""From the image as a viewer shows it back to its pixels as the file holds them.

EXIF's orientation tag (0x0112, CIPA DC-008) tells how a viewer has to turn what is stored. All
eight ways back are a transposition or none, and then flips.
"""

from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from isic_mmdet.images.frame import Frame

Pixels = TypeVar('Pixels', bound=np.generic)
Box = tuple[float, float, float, float]


class _WayBack(NamedTuple):
    transpose: bool
    flip_rows: bool
    flip_columns: bool


_WAYS_BACK = {
    1: _WayBack(False, False, False),
    2: _WayBack(False, False, True),
    3: _WayBack(False, True, True),
    4: _WayBack(False, True, False),
    5: _WayBack(True, False, False),
    6: _WayBack(True, True, False),
    7: _WayBack(True, True, True),
    8: _WayBack(True, False, True),
}


def upright(stored: NDArray[Pixels], orientation: int) -> NDArray[Pixels]:
    """Return stored pixels as a viewer shows them.

    Args:
        stored: (H, W) or (H, W, C).
        orientation: EXIF's number, 1 to 8; viewers take any other for 1.

    Returns:
        (H, W) or (W, H) with the channels of `stored`; a view of it.
    """
    way = _WAYS_BACK.get(orientation, _WAYS_BACK[1])
    turned = stored[:: -1 if way.flip_rows else 1, :: -1 if way.flip_columns else 1]
    return turned.swapaxes(0, 1) if way.transpose else turned


def stored_mask(upright: NDArray[Pixels], orientation: int) -> NDArray[Pixels]:
    """Return an (H, W) map of the upright image as a map of the stored pixels.

    Args:
        upright: (H, W), as a viewer shows the image.
        orientation: EXIF's number, 1 to 8; viewers take any other for 1.

    Returns:
        (H, W), or (W, H) where the image is stored on its side; a view of `upright`.
    """
    way = _WAYS_BACK.get(orientation, _WAYS_BACK[1])
    stored = upright.T if way.transpose else upright
    return stored[:: -1 if way.flip_rows else 1, :: -1 if way.flip_columns else 1]


def stored_box(upright: Box, shape: tuple[int, int], orientation: int) -> Box:
    """Return a box of the upright image as a box of the stored pixels.

    Args:
        upright: x, y, width, height in pixels.
        shape: height and width of the upright image.
        orientation: see `stored_mask`.
    """
    way = _WAYS_BACK.get(orientation, _WAYS_BACK[1])
    x, y, width, height = upright
    rows, columns = shape
    if way.transpose:
        x, y, width, height, rows, columns = y, x, height, width, columns, rows
    if way.flip_rows:
        y = rows - y - height
    if way.flip_columns:
        x = columns - x - width
    return x, y, width, height


def reduced_placement(stored: tuple[int, int], step: int, orientation: int) -> Frame:
    """Return how a reduced image, turned upright, lies in the whole one, turned upright.

    Args:
        stored: height and width of the whole image as it is stored.
        step: see `Frame`; the last reduced pixels of the stored image may reach over its right
            and lower border.
        orientation: see `stored_mask`.
    """
    way = _WAYS_BACK.get(orientation, _WAYS_BACK[1])
    height, width = stored
    top = height % -step if way.flip_rows else 0
    left = width % -step if way.flip_columns else 0
    if way.transpose:
        height, width, top, left = width, height, left, top
    return Frame((height, width), step, left, top)
