"""What a model says of one image."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Segmentation:
    """The lesion of one image of H x W pixels, or that none was found.

    Attributes:
        mask: (H, W) bool, where the lesion is; all False where none was found.
        levels: (H, W) uint8, probability of each pixel to be lesion, 255 for certain.
        score: confidence of the detection in [0, 1]; 0 where none was found.
        label: name of its class; None where none was found.
        box: its box as x, y, width, height in pixels, x and y of the left upper corner; None where
            none was found.
    """

    mask: NDArray[np.bool_]
    levels: NDArray[np.uint8]
    score: float
    label: str | None
    box: tuple[float, float, float, float] | None

    @property
    def probability(self) -> NDArray[np.float32]:
        """(H, W) float32 in [0, 1]: `levels` as numbers, at four bytes a pixel made when asked."""
        return self.levels.astype(np.float32) / np.float32(255)
