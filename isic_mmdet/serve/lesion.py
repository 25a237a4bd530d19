"""A lesion as JSON, which the page keeps and sends back; checked when it returns."""

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
    """The exact prediction for an image; every mask is made from it.

    Attributes:
        views: see `isic_mmdet.masks.paste`.
        number: of views, including those in which nothing was found.
        shape: height and width of the upright image.
        orientation: EXIF number of how the image is stored.
    """

    views: Sequence[BoxCells]
    number: int
    shape: tuple[int, int]
    orientation: int

    def to_json(self) -> dict[str, Any]:
        """Return it as types of JSON; numbers keep all their digits."""
        return {
            'views': [{'box': list(v.box), 'cells': v.cells.tolist()} for v in self.views],
            'number': self.number,
            'width': self.shape[1],
            'height': self.shape[0],
            'orientation': self.orientation,
        }

    @classmethod
    def from_json(cls, text: bytes, max_pixels: int) -> 'Lesion':
        """Return the lesion of a text made from `to_json`.

        Raises:
            UnreadableError: the text is anything else, or its image is larger than `max_pixels`.
        """
        try:
            values = json.loads(text)
            views = tuple(_view(view) for view in values['views'])
            number = _integer(values['number'], 1, _MAX_VIEWS)
            height, width = (_integer(values[side], 1, max_pixels) for side in ('height', 'width'))
            orientation = _integer(values['orientation'], 1, 8)
            if len(views) > _MAX_VIEWS or height * width > max_pixels:
                raise ValueError('too large')
        except (ArithmeticError, LookupError, RecursionError, TypeError, ValueError) as error:
            raise UnreadableError('not a result of this server') from error
        return cls(views, number, (height, width), orientation)


def _view(value: Any) -> BoxCells:
    cells = _numbers(value['cells'], 2)
    if not 0 < cells.size <= _MAX_CELLS**2 or cells.min() < 0 or cells.max() > 1:
        raise ValueError('not probabilities')
    x1, y1, x2, y2 = _numbers(value['box'], 1).tolist()
    return BoxCells(cells, (x1, y1, x2, y2))


def _numbers(value: Any, dimensions: int) -> NDArray[np.float64]:
    numbers = np.array(value, np.float64)
    if numbers.ndim != dimensions or not np.isfinite(numbers).all():
        raise ValueError('not finite numbers of these dimensions')
    return numbers


def _integer(value: Any, least: int, most: int) -> int:
    if type(value) is not int or not least <= value <= most:
        raise ValueError('not an integer in its range')
    return value
