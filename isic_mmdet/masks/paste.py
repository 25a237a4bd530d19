"""From the few cells that a network predicts in a box to a mask of the complete image.

A mask head predicts 28 x 28 cells, whatever the size of the box. Linear interpolation is separable:
with the weights `D` of the cells' rows in every row of the image, and `A` of their columns in every
column, the probabilities are the matrix product `D cells A^T`. One product gives a strip of the
image, which is compared with the threshold while it is in the cache. Only the mask itself is as
large as the image. The mean over several views of an image is the same product with their cells
side by side, without any resolution in between.

Cells are sampled as by `grid_sample(..., align_corners=False)` in mmdet's `_do_paste_mask`: centers
of cells and pixels are at half-integers, and the outermost cells fade to probability 0 within half
a cell beyond the box. (On a CPU mmdet stops one pixel beyond the box.)

All functions take the views of an image in which something was found, the `number` of all views
(the others count with probability 0), and the `shape` of the image, its height and width in pixels.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil, floor

import numpy as np
from numpy.typing import NDArray

# Pixels of a strip: as float64, 1 MB, about the private cache of one core.
_STRIP = 2**17
# A value equal to the threshold is not above it, but a sum of weights may round to above.
_TIE = 1e-9


@dataclass(frozen=True, eq=False)
class BoxCells:
    """What a mask head predicts inside of a box.

    `cells` is (h, w) float, the probability of lesion. `box` is x1, y1, x2, y2 in pixels of the
    image and may extend beyond it. A box without area is ignored.
    """

    cells: NDArray[np.floating]
    box: tuple[float, float, float, float]


def paste_mask(
    views: Sequence[BoxCells], number: int, shape: tuple[int, int], threshold: float
) -> NDArray[np.bool_]:
    """Return where the mean probability is above a threshold in [0, 1], (height, width) bool."""
    mask = np.zeros(shape, bool)
    for rows, columns, strip in _strips(views, number, shape):
        np.greater(strip, threshold + _TIE, out=mask[rows, columns])
    return mask


def paste_probability(
    views: Sequence[BoxCells], number: int, shape: tuple[int, int]
) -> NDArray[np.float32]:
    """Return the mean probability, (height, width) float32 in [0, 1]."""
    probability = np.zeros(shape, np.float32)
    for rows, columns, strip in _strips(views, number, shape):
        probability[rows, columns] = strip
    return probability


def paste_levels(
    views: Sequence[BoxCells], number: int, shape: tuple[int, int], bits: int = 8
) -> NDArray[np.unsignedinteger]:
    """Return the mean probability in steps, (height, width): uint8 for 8 bits, uint16 for 16.

    The highest level of these bits, 255 or 65535, is probability 1. Halves are rounded down, so
    levels above 127 or 32767 are the mask at the threshold 0.5.
    """
    highest = 2**bits - 1
    levels = np.zeros(shape, np.uint8 if bits == 8 else np.uint16)
    for rows, columns, strip in _strips(views, number, shape):
        strip -= _TIE
        strip *= highest
        strip -= 0.5
        levels[rows, columns] = np.ceil(strip, out=strip)
    return levels


def count_above(
    views: Sequence[BoxCells],
    number: int,
    shape: tuple[int, int],
    steps: int,
    within: NDArray[np.bool_] | None = None,
) -> NDArray[np.int64]:
    """Count the pixels of the masks at the thresholds 0, 1 / steps, ... below 1, rising.

    Pixels where `within`, (height, width), is False do not count.
    """
    counts = np.zeros(steps + 1, np.int64)
    for rows, columns, strip in _strips(views, number, shape):
        strip -= _TIE
        strip *= steps
        passed = np.ceil(strip, out=strip).astype(np.int64)
        counted = passed if within is None else passed[within[rows, columns]]
        counts += np.bincount(counted.ravel().clip(0), minlength=steps + 1)
    return counts[:0:-1].cumsum()[::-1]


def mask_confidence(views: Sequence[BoxCells], number: int, threshold: float) -> float:
    """Return how certain a model is of its mask, the mean over the views, in [0, 1].

    In a view, it is the mean probability of the cells above the threshold, which belong to the
    lesion; without such cells it is the highest probability. Mask2Former multiplies its scores
    with it (Cheng et al. 2022, arXiv 2112.01527).
    """
    inside = [view.cells[view.cells > threshold] for view in views]
    certainties = [
        cells.mean(dtype=np.float64) if cells.size else view.cells.max()
        for cells, view in zip(inside, views, strict=True)
    ]
    return float(sum(certainties) / number)


def _strips(
    views: Sequence[BoxCells], number: int, shape: tuple[int, int]
) -> Iterator[tuple[slice, slice, NDArray[np.float64]]]:
    """Yield rows, columns and mean probabilities of strips; outside of them all is 0.

    The next strip overwrites the memory of the last.
    """
    views = [view for view in views if view.box[0] < view.box[2] and view.box[1] < view.box[3]]
    top, bottom = _reach([(v.box[1], v.box[3], v.cells.shape[0]) for v in views], shape[0])
    left, right = _reach([(v.box[0], v.box[2], v.cells.shape[1]) for v in views], shape[1])
    if top >= bottom or left >= right:
        return
    down = np.hstack(
        [_weights(top, bottom, v.box[1], v.box[3], v.cells.shape[0]) @ v.cells for v in views]
    )
    down /= number
    across = np.vstack(
        [_weights(left, right, v.box[0], v.box[2], v.cells.shape[1]).T for v in views]
    )
    height = max(1, _STRIP // (right - left))
    strip = np.empty((height, right - left))
    for start in range(0, bottom - top, height):
        part = down[start : start + height]
        rows = slice(top + start, top + start + len(part))
        yield rows, slice(left, right), np.matmul(part, across, out=strip[: len(part)])


def _reach(sides: Sequence[tuple[float, float, int]], length: int) -> tuple[int, int]:
    """Return the first and one past the last of `length` pixels that any side's cells reach."""
    halves = [(high - low) / number / 2 for low, high, number in sides]
    first = min((low - half for (low, _, _), half in zip(sides, halves, strict=True)), default=0)
    last = max((high + half for (_, high, _), half in zip(sides, halves, strict=True)), default=0)
    return max(0, floor(first)), min(length, ceil(last))


def _weights(start: int, stop: int, low: float, high: float, number: int) -> NDArray[np.float64]:
    """Return the weights of `number` cells from `low` to `high` in the pixels `start` to `stop`."""
    pixels = np.arange(start, stop) + 0.5
    position = (pixels - low) / (high - low) * number - 0.5
    distance: NDArray[np.float64] = np.abs(position[:, None] - np.arange(number))
    return np.maximum(0, 1 - distance)
