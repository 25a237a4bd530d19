"""How a reduced image lies in the full image, and how far an image may be reduced."""

from collections.abc import Sequence
from dataclasses import dataclass

from isic_mmdet.images.orientation import WAYS_BACK

# A reduced image stays at least this many times as large as the model's input on both sides. The
# test pipeline then samples it almost as it samples the full image. Images prepared for training
# (at most about twice the input size) are never reduced.
_MARGIN = 4


@dataclass(frozen=True)
class Frame:
    """An image of which every `step` x `step` pixels were decoded to one.

    If a side is no multiple of `step`, the reduced pixels along one border extend beyond it.

    Attributes:
        shape: height and width of the full image.
        step: side of a reduced pixel in pixels of the full image; 1 if nothing was reduced.
        left: column of the full image at which the reduced one begins, 0 or less.
        top: row at which it begins.
    """

    shape: tuple[int, int]
    step: int = 1
    left: int = 0
    top: int = 0

    @property
    def extent(self) -> tuple[float, float]:
        """Height and width of the full image in reduced pixels."""
        return self.shape[0] / self.step, self.shape[1] / self.step

    def to_full(self, box: Sequence[float]) -> tuple[float, float, float, float]:
        """Return a box of the reduced image, x1, y1, x2, y2, in pixels of the full image."""
        x1, y1, x2, y2 = (side * self.step for side in box)
        return x1 + self.left, y1 + self.top, x2 + self.left, y2 + self.top

    def inside(self, box: Sequence[float]) -> tuple[float, float, float, float]:
        """Return x, y, width, height of the part of a box, x1, y1, x2, y2, in the full image."""
        height, width = self.shape
        x1, x2 = (min(max(0.0, x), float(width)) for x in box[::2])
        y1, y2 = (min(max(0.0, y), float(height)) for y in box[1::2])
        return x1, y1, x2 - x1, y2 - y1


def shrunk(height: int, width: int, scale: Sequence[int], keep_ratio: bool) -> float:
    """Return how many pixels become one along the side that a resized image shrinks less.

    Height and width may be exchanged, because an image may be stored rotated.

    Args:
        height: of the image.
        width: of the image.
        scale: the longer and the shorter side to fit, in any order.
        keep_ratio: of the sides; if not, the image is stretched.
    """
    if keep_ratio:
        return max(max(height, width) / max(scale), min(height, width) / min(scale))
    return min(height, width) / max(scale)


def reduction(shrunk: float) -> int:
    """Return how many pixels along each side may be read as one; see `shrunk`."""
    return max(1, int(shrunk / _MARGIN))


def reduced_frame(stored: tuple[int, int], step: int, orientation: int) -> Frame:
    """Return the frame of a reduced image after both images were brought upright.

    `stored` is height and width of the full image as it is stored. There the reduced image extends
    beyond its right and lower border.
    """
    way = WAYS_BACK[orientation]
    height, width = stored
    top = height % -step if way.flip_rows else 0
    left = width % -step if way.flip_columns else 0
    if way.transpose:
        height, width, top, left = width, height, left, top
    return Frame((height, width), step, left, top)
