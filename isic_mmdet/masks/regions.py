"""Connected regions of a mask. Pixels are neighbors by a shared side.

So a region is also one, and without holes, where shared corners count.
"""

import cv2
import numpy as np
from numpy.typing import NDArray


def largest_region(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the largest connected region of an (H, W) mask; an empty mask stays empty."""
    gray = mask.astype(np.uint8)
    number, regions, facts, _ = cv2.connectedComponentsWithStats(gray, connectivity=4)
    if number == 1:
        return mask
    largest = 1 + int(facts[1:, cv2.CC_STAT_AREA].argmax())  # 0 is the background
    return np.asarray(regions == largest)


def without_holes(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return an (H, W) mask with its holes filled."""
    # A frame joins all background that reaches the edge. The other background is a hole.
    skin = np.pad((~mask).astype(np.uint8), 1, constant_values=1)
    _, parts = cv2.connectedComponents(skin, connectivity=4)
    background = parts == parts[0, 0]
    return np.asarray(~background)[1:-1, 1:-1]
