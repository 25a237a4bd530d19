"""The images that all networks are given: synthetic ones, square, with their masks."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from isic_mmdet.synthetic import make_sample


class Picture(NamedTuple):
    """An image of N x N pixels.

    Attributes:
        image: (N, N, 3) uint8, RGB.
        lesion: (N, N) bool.
    """

    image: NDArray[np.uint8]
    lesion: NDArray[np.bool_]


def pictures(number: int, size: int) -> list[Picture]:
    """Return the middles of the first `number` synthetic images that hold a lesion there."""
    found: list[Picture] = []
    index = 0
    while len(found) < number:
        sample = make_sample(0, index, size)
        index += 1
        height, width = sample.mask.shape
        top, left = (height - size) // 2, (width - size) // 2
        middle = (slice(top, top + size), slice(left, left + size))
        lesion = sample.mask[middle] > 0
        if lesion.any():
            found.append(Picture(np.ascontiguousarray(sample.image[middle]), lesion))
    return found
