"""Distances between the outlines of two masks, and the shift of an outline that fits best.

A border pixel is a lesion pixel with a pixel above, below, left or right of it that is not lesion;
beyond the edge of the image nothing is lesion. Tools differ in this definition (Podobnik and
Vrtovec, arXiv 2410.02630), so compare distances only with those of the same definition.

Shorthand: H and W are height and width of the image, A and B the two sets of border pixels.
"""

import math
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

_CROSS = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
_STEPS_PER_PIXEL = 4

Mask = NDArray[np.bool_]


class BoundaryDistances(NamedTuple):
    """Distances between two mask borders in pixels, NaN if one of the masks is empty.

    They are the distances from each pixel of A to its nearest of B, and from B to A.

    Attributes:
        hausdorff95: the larger of their two 95th percentiles, interpolated linearly (Maier-Hein
            et al. 2024, doi 10.1038/s41592-023-02151-z).
        mean: of all distances (average symmetric surface distance; Heimann et al. 2009,
            doi 10.1109/TMI.2009.2013851).
    """

    hausdorff95: float
    mean: float


class OutlineShift(NamedTuple):
    """The best uniform shift of an outline; NaN if one of the masks is empty.

    Attributes:
        pixels: positive if the outline must move outward (the prediction was too narrow). Of two
            equally good shifts the shorter one. Accurate to a quarter of a pixel.
        iou: Jaccard index after the shift, in [0, 1], never lower than without it.
    """

    pixels: float
    iou: float


def boundary_distances(truth: Mask, prediction: Mask) -> BoundaryDistances:
    """Return the distances between the borders of two (H, W) masks.

    An empty mask has no border, so its distances are NaN. A mean over images has to skip these
    images and report how many remain.
    """
    if _is_undefined(truth, prediction):
        return BoundaryDistances(math.nan, math.nan)
    box = _bounds(truth | prediction, 0)
    a, b = _border(truth[box]), _border(prediction[box])
    from_a = _distances(~b)[a].astype(np.float64)
    from_b = _distances(~a)[b].astype(np.float64)
    hausdorff95 = max(np.percentile(from_a, 95), np.percentile(from_b, 95))
    return BoundaryDistances(float(hausdorff95), float(np.concatenate([from_a, from_b]).mean()))


def outline_shift(truth: Mask, prediction: Mask) -> OutlineShift:
    """Return how far the outline of a prediction has to move to give the best Jaccard index.

    The outline moves in or out by the same distance everywhere. Experts draw one lesion along its
    pigment and the next with a wide margin; the shift corrects the width, and what is still
    missing after it is shape and place.

    Moved outward by r, a mask holds every pixel whose center is within r + 1/2 of the center of
    one of its own; moved inward, it loses the pixels that are within r + 1/2 of one outside. The
    edge of the image is no outline, and nothing beyond it counts. Both masks are (H, W) bool.
    """
    if _is_undefined(truth, prediction):
        return OutlineShift(math.nan, math.nan)
    if prediction.all():
        return OutlineShift(0.0, float(truth.mean()))
    # Moving the outline beyond the farthest true pixel cannot help.
    both = _bounds(truth | prediction, 0)
    reach = _distances(~prediction[both])[truth[both]].max()
    crop = _bounds(prediction, max(math.ceil(reach), 1))
    truth, prediction = truth[crop], prediction[crop]
    inside, outside = _distances(prediction), _distances(~prediction)
    # The depth is 0 at the outline, between two pixels.
    depth = np.where(prediction, 0.5 - inside, outside - 0.5)
    steps = np.rint(depth * _STEPS_PER_PIXEL).astype(np.int64)
    first = int(steps.min())
    bins = (steps - first).ravel()
    lesion = np.bincount(bins, truth.ravel()).cumsum()
    counted = np.bincount(bins).cumsum()
    jaccard = lesion / (counted + truth.sum() - lesion)
    # Each shift stands for the middle between it and the next one that changes the mask.
    used = np.flatnonzero(np.bincount(bins))
    after = np.append(used[1:], used[-1] + _STEPS_PER_PIXEL)
    shifts = ((used + after) / 2 + first) / _STEPS_PER_PIXEL
    best = jaccard[used].max()
    shift = min(shifts[jaccard[used] == best], key=abs)
    return OutlineShift(float(shift), float(best))


def _is_undefined(truth: Mask, prediction: Mask) -> bool:
    if truth.shape != prediction.shape:
        raise ValueError(f'truth is {truth.shape}, prediction is {prediction.shape}')
    return not truth.any() or not prediction.any()


def _bounds(mask: Mask, margin: int) -> tuple[slice, ...]:
    """Return the part of an image that holds a mask and a margin of pixels around it."""
    spans = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    return tuple(slice(max(int(s[0]) - margin, 0), int(s[-1]) + 1 + margin) for s in spans)


def _border(mask: Mask) -> Mask:
    inner = cv2.erode(mask.astype(np.uint8), _CROSS, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    border: Mask = mask & (inner == 0)
    return border


def _distances(mask: Mask) -> NDArray[np.float32]:
    """Return the distance of each pixel of a mask to the nearest outside of it, 0 outside."""
    nearest = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return nearest.astype(np.float32, copy=False)
