"""What a model says of one image."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from isic_mmdet.masks.paste import BoxCells, paste_levels, paste_mask, paste_probability


@dataclass(frozen=True, eq=False)
class Segmentation:
    """The lesion of one image of H x W pixels, or that none was found.

    It holds the cells that the model predicted, a few kilobytes whatever the size of the image;
    what is as large as the image is made when it is asked for.

    Attributes:
        shape: H and W.
        views: what was found in views of the image (one, or with test-time augmentation several),
            boxes in pixels of the image; see `isic_mmdet.masks.paste`.
        number: how many views there were; those in which nothing was found count with 0.
        threshold: mean probability above which a pixel belongs to the lesion.
        score: confidence of the detection in [0, 1]; 0 where none was found.
        label: name of its class; None where none was found.
        box: its box as x, y, width, height in pixels, x and y of the left upper corner; None where
            none was found.
    """

    shape: tuple[int, int]
    views: tuple[BoxCells, ...]
    number: int
    threshold: float
    score: float
    label: str | None
    box: tuple[float, float, float, float] | None

    @cached_property
    def mask(self) -> NDArray[np.bool_]:
        """(H, W) bool, where the lesion is; all False where none was found. Made once."""
        return paste_mask(self.views, self.number, self.shape, self.threshold)

    @property
    def levels(self) -> NDArray[np.uint8]:
        """(H, W) uint8, the probability in steps of 1/255; made anew, at a byte a pixel.

        Above 127 it is the mask, where the threshold is 0.5.
        """
        return paste_levels(self.views, self.number, self.shape)

    @property
    def probability(self) -> NDArray[np.float32]:
        """(H, W) float32 in [0, 1], of each pixel to be lesion; made anew, at 4 bytes a pixel."""
        return paste_probability(self.views, self.number, self.shape)
