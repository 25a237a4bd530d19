"""How far the border of a predicted mask lies from that of the official one.

A border pixel is a lesion pixel with a pixel above, below, left or right of it that is not lesion;
beyond the edge of the image nothing is lesion. Tools differ in this (Podobnik and Vrtovec,
arXiv 2410.02630), so compare distances only with those of the same definition.

Shorthand: H and W are height and width of the image, A and B the two sets of border pixels.
"""

import math
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

_CROSS = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))


class BoundaryDistances(NamedTuple):
    """Distances between two mask borders in pixels, NaN where one of the masks has none.

    Attributes:
        hausdorff95: the larger of the two directed 95th percentiles: of the distances from each
            pixel of A to its nearest of B, and from B to A (Maier-Hein et al. 2024,
            doi 10.1038/s41592-023-02151-z). Percentiles are interpolated linearly.
        mean: the mean of all these distances, from both sides (average symmetric surface
            distance; Heimann et al. 2009, doi 10.1109/TMI.2009.2013851).
    """

    hausdorff95: float
    mean: float


def boundary_distances(
    truth: NDArray[np.bool_], prediction: NDArray[np.bool_]
) -> BoundaryDistances:
    """Return the distances between the borders of two masks of the same size.

    An empty mask has no border, and no number would be right for its distance: if either mask is
    empty, or both are, the distances are NaN. A mean over images has to leave them out and say
    how many there were.

    Args:
        truth: (H, W) bool.
        prediction: (H, W) bool.

    Raises:
        ValueError: if the two masks differ in size.
    """
    if truth.shape != prediction.shape:
        raise ValueError(f'truth is {truth.shape}, prediction is {prediction.shape}')
    if not truth.any() or not prediction.any():
        return BoundaryDistances(math.nan, math.nan)
    box = _bounding_box(truth | prediction)
    a, b = _border(truth[box]), _border(prediction[box])
    from_a, from_b = _distances(a, b), _distances(b, a)
    hausdorff95 = max(np.percentile(from_a, 95), np.percentile(from_b, 95))
    return BoundaryDistances(float(hausdorff95), float(np.concatenate([from_a, from_b]).mean()))


def _bounding_box(mask: NDArray[np.bool_]) -> tuple[slice, slice]:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def _border(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    gray = mask.astype(np.uint8)
    inner = cv2.erode(gray, _CROSS, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    return mask & (inner == 0)


def _distances(start: NDArray[np.bool_], end: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the Euclidean distance from each pixel of `start` to the nearest of `end`."""
    to_end = cv2.distanceTransform((~end).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return to_end[start].astype(np.float64)
