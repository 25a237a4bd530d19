"""By how much a predicted outline would have to be moved as a whole, and what that would bring.

Experts draw one lesion along its pigment and the next with a wide margin. A model that has the
shape right and the width wrong needs other data than one that is wrong about the shape, and the
Jaccard index alone does not tell them apart. So the outline is moved in or out by the same distance
everywhere, to where the Jaccard index is highest: what is then still missing is shape and place.
"""

import math
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

_STEPS = 4  # a pixel


class OutlineShift(NamedTuple):
    """The best uniform shift of an outline; NaN where one of the masks is empty.

    Attributes:
        pixels: how far it has to move, outwards where positive: the prediction was too narrow. Of
            two equally good shifts the shorter one. Accurate to a quarter of a pixel.
        iou: Jaccard index after it, in [0, 1], never less than that of the masks themselves.
    """

    pixels: float
    iou: float


def outline_shift(truth: NDArray[np.bool_], prediction: NDArray[np.bool_]) -> OutlineShift:
    """Return by how much the outline of a prediction has to move, and the Jaccard index it gets.

    Moved outwards by r, a mask holds every pixel whose center is within r + 1/2 of the center of
    one of its own; moved inwards, it loses those that are within r + 1/2 of one that is not. The
    edge of the image is no outline, and what lies beyond is not counted.

    Args:
        truth: (H, W) bool.
        prediction: (H, W) bool.

    Raises:
        ValueError: the two masks differ in size.
    """
    if truth.shape != prediction.shape:
        raise ValueError(f'truth is {truth.shape}, prediction is {prediction.shape}')
    if not truth.any() or not prediction.any():
        return OutlineShift(math.nan, math.nan)
    if prediction.all():
        return OutlineShift(0.0, float(truth.mean()))
    # No pixel farther out than the farthest true one can do good.
    both = _bounds(truth | prediction, 0)
    reach = _distances(~prediction[both])[truth[both]].max()
    window = _bounds(prediction, max(math.ceil(reach), 1))
    truth, prediction = truth[window], prediction[window]
    inside, outside = _distances(prediction), _distances(~prediction)
    # Between two pixels, at the outline, is 0.
    depth = np.where(prediction, 0.5 - inside, outside - 0.5)
    steps = np.rint(depth * _STEPS).astype(np.int64)
    first = int(steps.min())
    bins = (steps - first).ravel()
    lesion = np.bincount(bins, truth.ravel()).cumsum()
    counted = np.bincount(bins).cumsum()
    jaccard = lesion / (counted + truth.sum() - lesion)
    # Each shift stands for the middle between it and the next one that would change the mask.
    held = np.flatnonzero(np.bincount(bins))
    after = np.append(held[1:], held[-1] + _STEPS)
    shifts = ((held + after) / 2 + first) / _STEPS
    best = jaccard[held].max()
    shift = min(shifts[jaccard[held] == best], key=abs)
    return OutlineShift(float(shift), float(best))


def _distances(mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return the distance of every pixel of a mask to the nearest that is not in it, else 0."""
    nearest = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return nearest.astype(np.float32, copy=False)


def _bounds(mask: NDArray[np.bool_], margin: int) -> tuple[slice, ...]:
    """Return the part of an image that holds a mask and a margin of pixels around it."""
    spans = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    return tuple(slice(max(int(s[0]) - margin, 0), int(s[-1]) + 1 + margin) for s in spans)
