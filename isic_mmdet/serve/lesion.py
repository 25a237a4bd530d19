"""A lesion on its way to the page and back: as JSON, and checked when it returns."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isic_mmdet.images.decoding import UnreadableError
from isic_mmdet.masks.paste import BoxCells

# A model predicts 28 x 28 cells, and eight views with test-time augmentation.
_MAX_CELLS = 256
_MAX_VIEWS = 64


@dataclass(frozen=True, eq=False)
class Lesion:
    """What a model predicted of an image, exactly; all masks are made of it.

    Attributes:
        views: see `isic_mmdet.masks.paste`.
        number: of views, with those in which nothing was found.
        shape: height and width of the image as a viewer shows it.
        orientation: EXIF's number for how it is stored.
    """

    views: Sequence[BoxCells]
    number: int
    shape: tuple[int, int]
    orientation: int

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON's types; numbers keep all their digits."""
        height, width = self.shape
        return {
            'views': [{'box': list(v.box), 'cells': v.cells.tolist()} for v in self.views],
            'number': self.number,
            'width': width,
            'height': height,
            'orientation': self.orientation,
        }

    @classmethod
    def from_json(cls, text: bytes, max_pixels: int) -> 'Lesion':
        """Return a lesion that came back.

        Args:
            text: what `to_json` gave, as text.
            max_pixels: that the image may have.

        Raises:
            UnreadableError: it is nothing of the kind.
        """
        try:
            told = json.loads(text)
            lesion = cls(
                tuple(_view(view) for view in told['views']),
                _whole(told['number'], _MAX_VIEWS),
                (_whole(told['height'], max_pixels), _whole(told['width'], max_pixels)),
                _whole(told['orientation'], 0xFFFF, least=0),
            )
        except (ArithmeticError, LookupError, RecursionError, TypeError, ValueError) as error:
            raise UnreadableError('this is no result of the server') from error
        if len(lesion.views) > _MAX_VIEWS or lesion.shape[0] * lesion.shape[1] > max_pixels:
            raise UnreadableError('this is no result of the server: too large')
        return lesion


def _view(told: Any) -> BoxCells:
    cells = _numbers(told['cells'], 2)
    if not 0 < cells.size <= _MAX_CELLS**2 or cells.min() < 0 or cells.max() > 1:
        raise ValueError
    x1, y1, x2, y2 = _numbers(told['box'], 1).tolist()
    return BoxCells(cells, (x1, y1, x2, y2))


def _numbers(told: Any, dimensions: int) -> NDArray[np.float64]:
    values = np.array(told, np.float64)
    if values.ndim != dimensions or not np.isfinite(values).all():
        raise ValueError
    return values


def _whole(told: Any, most: int, least: int = 1) -> int:
    if type(told) is not int or not least <= told <= most:
        raise ValueError
    return told
