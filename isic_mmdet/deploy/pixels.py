"""Prepares images for an exported model, without torch."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from isic_mmdet.datasets.same_size_batches import padded_shape
from isic_mmdet.deploy.segmentation import Preparation
from isic_mmdet.images.frame import Frame, reduction, shrunk
from isic_mmdet.masks.paste import BoxCells
from isic_mmdet.masks.views import FLIP_AXES


@dataclass(frozen=True, eq=False)
class NetworkImage:
    """An image at network size.

    Attributes:
        pixels: (H, W, 3) uint8, RGB, padded with black at the bottom and on the right.
        size: height and width without padding.
        source_size: height and width before resizing.
        frame: position of the source pixels in the full image.
    """

    pixels: NDArray[np.uint8]
    size: tuple[int, int]
    source_size: tuple[int, int]
    frame: Frame

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width after padding, in pixels."""
        return self.pixels.shape[0], self.pixels.shape[1]

    def flipped(self, direction: str | None) -> 'NetworkImage':
        """Return the image flipped without its padding, which stays at the bottom and the right.

        `direction` is a key of `isic_mmdet.masks.views.FLIP_AXES`.
        """
        rows, columns = self.size
        pixels = np.zeros_like(self.pixels)
        pixels[:rows, :columns] = np.flip(self.pixels[:rows, :columns], FLIP_AXES[direction])
        return replace(self, pixels=pixels)

    def to_full(self, cells: NDArray[np.floating], box: Sequence[float]) -> BoxCells:
        """Return a mask of (h, w) cells in the coordinates of the full image.

        `box` is x1, y1, x2, y2 at network size.
        """
        vertical, horizontal = (
            large / small for large, small in zip(self.source_size, self.size, strict=True)
        )
        x1, y1, x2, y2 = box
        ends = (x1 * horizontal, y1 * vertical, x2 * horizontal, y2 * vertical)
        return BoxCells(cells, self.frame.to_full(ends))


@dataclass(frozen=True)
class ScalePreparation(Preparation):
    """Resizes and pads images as the test pipeline of the configs does.

    Attributes:
        scale: longer and shorter side, in pixels, which the image fills as far as it can.
        keep_ratio: of its sides; if not, it is stretched to `scale`, which is a square.
        divisor: the sides are padded to multiples of it.
    """

    scale: tuple[int, int]
    keep_ratio: bool
    divisor: int

    def reduction(self, height: int, width: int) -> int:
        """See `Preparation.reduction`."""
        return reduction(shrunk(height, width, self.scale, self.keep_ratio))

    def resized(self, image: NDArray[np.uint8], frame: Frame) -> NetworkImage:
        """See `Preparation.resized`."""
        height, width = image.shape[:2]
        rows, columns = self.scale
        if self.keep_ratio:
            zoom = min(max(self.scale) / max(height, width), min(self.scale) / min(height, width))
            rows, columns = int(height * zoom + 0.5), int(width * zoom + 0.5)
        padded = np.zeros((*padded_shape((rows, columns), self.divisor), 3), np.uint8)
        padded[:rows, :columns] = cv2.resize(image, (columns, rows), interpolation=cv2.INTER_LINEAR)
        return NetworkImage(padded, (rows, columns), (height, width), frame)
