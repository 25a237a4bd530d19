"""How the pixels of a reduced image lie in the whole one."""

from dataclasses import dataclass

from isic_mmdet.geometry.paste import BoxCells


@dataclass(frozen=True)
class Placement:
    """An image of which every `step` x `step` pixels were decoded to one.

    Where the sides are no multiples of `step`, the reduced pixels along one border reach over it.

    Attributes:
        shape: height and width of the whole image.
        step: side of a reduced pixel in pixels of the whole image; 1 where nothing was reduced.
        left: column of the whole image at which the reduced one begins, 0 or less.
        top: row at which it begins.
    """

    shape: tuple[int, int]
    step: int = 1
    left: int = 0
    top: int = 0

    def in_whole(self, view: BoxCells) -> BoxCells:
        """Return what was found in the reduced image as it lies in the whole one."""
        x1, y1, x2, y2 = (side * self.step for side in view.box)
        left, top = self.left, self.top
        return BoxCells(view.cells, (x1 + left, y1 + top, x2 + left, y2 + top))
