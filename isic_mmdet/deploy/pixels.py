"""From an image to what the network is shown of it, as the test pipeline of the configs does it."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from isic_mmdet.datasets.same_size_batches import padded_shape
from isic_mmdet.images.frame import Frame
from isic_mmdet.masks.paste import BoxCells


@dataclass(frozen=True, eq=False)
class NetworkImage:
    """An image at network size.

    Attributes:
        pixels: (H, W, 3) uint8, RGB, padded with black at the bottom and on the right.
        size: height and width of what is not padding.
        made_of: height and width of the pixels it was made of.
        frame: where those lie in the image that the lesion is wanted of.
    """

    pixels: NDArray[np.uint8]
    size: tuple[int, int]
    made_of: tuple[int, int]
    frame: Frame

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width after padding, in pixels."""
        return self.pixels.shape[0], self.pixels.shape[1]

    def in_whole(self, cells: NDArray[np.floating], box: NDArray[np.floating]) -> BoxCells:
        """Return what was found at network size as it lies in the image.

        Args:
            cells: (h, w) float.
            box: (4,), x1, y1, x2, y2 at network size.
        """
        vertical, horizontal = (
            float(large) / small for large, small in zip(self.made_of, self.size, strict=True)
        )
        x1, y1, x2, y2 = box.tolist()
        ends = (x1 * horizontal, y1 * vertical, x2 * horizontal, y2 * vertical)
        return BoxCells(cells, self.frame.to_full(ends))


def network_image(
    image: NDArray[np.uint8], scale: tuple[int, int], divisor: int, frame: Frame | None
) -> NetworkImage:
    """Bring an image to network size.

    Its shape is kept: it becomes as large as fits into the longer and the shorter side of `scale`,
    by bilinear interpolation, sides rounded to whole pixels, halves up.

    Args:
        image: (H, W, 3) uint8, RGB.
        scale: longer and shorter side in pixels.
        divisor: of the sides after padding.
        frame: where the pixels lie in the image that the lesion is wanted of; None where they
            are that image.

    Raises:
        ValueError: the array is of another type or shape, or has a side so short that nothing
            is left of it.
    """
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or not image.size:
        raise ValueError(
            f'expected an (H, W, 3) uint8 image, RGB, got {image.dtype} of {image.shape}'
        )
    height, width = image.shape[:2]
    zoom = min(max(scale) / max(height, width), min(scale) / min(height, width))
    rows, columns = int(height * zoom + 0.5), int(width * zoom + 0.5)
    if not rows or not columns:
        raise ValueError(f'{width} x {height} pixels cannot be brought to the size the model wants')
    padded = np.zeros((*padded_shape((rows, columns), divisor), 3), np.uint8)
    padded[:rows, :columns] = cv2.resize(image, (columns, rows), interpolation=cv2.INTER_LINEAR)
    return NetworkImage(padded, (rows, columns), (height, width), frame or Frame((height, width)))
