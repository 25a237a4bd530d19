"""Polygons of a mask, for annotation tools.

Coordinates are pixels from the top left corner of the image, where the center of the first pixel is
(0.5, 0.5). The polygons lie between pixels, so they have the area of the mask; contours through the
centers of the border pixels are half a pixel too small on every side.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

# How far a polygon may leave the border of its region, as a share of the region's area per length
# of its outline (which is half the radius of a disk). The IoU stays above 0.99.
_TOLERANCE = 0.02
# OpenCV's place of the first child and of the parent of a contour, in its table of contours.
_CHILD, _NEXT, _PARENT = 2, 0, 3


def polygons(mask: NDArray[np.bool_]) -> list[NDArray[np.float64]]:
    """Return a polygon, (N, 2) x and y, for every connected region of an (H, W) mask.

    A hole is joined to the outline by a cut of no width, because neither COCO's nor LabelMe's
    polygons can have holes.
    """
    top, left, corners = _corners(mask)
    # Contours of the second level are holes of the first.
    contours, table = cv2.findContours(corners, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    rings = [contour[:, 0].astype(np.float64) / 2 + (left, top) for contour in contours]
    found = []
    for index, ring in enumerate(rings):
        if table[0, index, _PARENT] >= 0:
            continue
        holes = []
        child = table[0, index, _CHILD]
        while child >= 0:
            holes.append(rings[child])
            child = table[0, child, _NEXT]
        parts = [_simplified(part, _tolerance([ring, *holes])) for part in (ring, *holes)]
        found.append(_joined(parts[0], [part for part in parts[1:] if len(part) > 2]))
    return found


def _corners(mask: NDArray[np.bool_]) -> tuple[int, int, NDArray[np.uint8]]:
    """Return row and column of the box of a mask, and the mask on a grid of half pixels.

    Pixel x of the box covers the points 2x to 2x + 2 of the grid, so contours of the grid run
    between pixels.
    """
    x, y, width, height = cv2.boundingRect(mask.view(np.uint8))
    inside = mask[y : y + height, x : x + width].view(np.uint8)
    grid = np.zeros((2 * height + 1, 2 * width + 1), np.uint8)
    for down in range(3):
        for right in range(3):
            grid[down : down + 2 * height : 2, right : right + 2 * width : 2] |= inside
    return y, x, grid


def _tolerance(rings: list[NDArray[np.float64]]) -> float:
    outline, *holes = [abs(_area(ring)) for ring in rings]
    length = sum(cv2.arcLength(ring.astype(np.float32), True) for ring in rings)
    return _TOLERANCE * (outline - sum(holes)) / length


def _simplified(ring: NDArray[np.float64], tolerance: float) -> NDArray[np.float64]:
    return cv2.approxPolyDP(ring.astype(np.float32), tolerance, True)[:, 0].astype(np.float64)


def _area(ring: NDArray[np.float64]) -> float:
    x, y = ring.T
    return float(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2


def _joined(ring: NDArray[np.float64], holes: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Return one ring that goes around the outline and, against its direction, around all holes.

    Each hole is entered and left between its leftmost point and the nearest earlier point.
    Holes come from left to right, so no cut crosses a hole that is still to come.
    """
    for hole in sorted(holes, key=lambda points: points[:, 0].min()):
        start = int(hole[:, 0].argmin())
        around = np.roll(hole, -start, axis=0)
        if _area(around) * _area(ring) > 0:
            around = np.roll(around[::-1], 1, axis=0)
        distance = ((ring - around[0]) ** 2).sum(1)
        distance[ring[:, 0] > around[0, 0]] += 1e12
        cut = int(distance.argmin())
        ring = np.vstack([ring[: cut + 1], around, around[:1], ring[cut:]])
    return ring
