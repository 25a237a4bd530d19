"""A random number of transforms in random order."""

from collections.abc import Sequence

import numpy as np
from mmcv.transforms import BaseTransform
from mmcv.transforms.utils import cache_randomness
from mmdet.registry import TRANSFORMS

from isic_mmdet.errors import InputError


@TRANSFORMS.register_module()
class SomeOf(BaseTransform):
    """Applies some of its transforms, drawn without repetition, in random order.

    How many is drawn first, every number equally likely; then which and in what order, every
    arrangement equally likely.

    Args:
        transforms: configs of the transforms to draw from, at least one.
        number: fewest and most transforms to apply, both inclusive; by default none to all.

    Raises:
        InputError: there is nothing to draw from, or `number` does not fit.

    Example:
        None, one or both::

            dict(type='SomeOf', transforms=[dict(type='GaussianBlur'), dict(type='Sharpness')])
    """

    def __init__(self, transforms: Sequence[dict], number: tuple[int, int] | None = None) -> None:
        self.transforms = [TRANSFORMS.build(transform) for transform in transforms]
        self.number = (0, len(transforms)) if number is None else tuple(number)
        low, high = self.number
        if not 0 <= low <= high <= len(transforms) or not transforms:
            raise InputError(
                f'SomeOf: number={self.number} of {len(transforms)} transforms; give the fewest '
                'and the most, 0 <= fewest <= most <= how many there are'
            )

    def transform(self, results: dict) -> dict | None:
        """Apply what is drawn; None as soon as one of the transforms returns it."""
        for index in self._draw():
            results = self.transforms[index](results)
            if results is None:
                return None
        return results

    @cache_randomness
    def _draw(self) -> list[int]:
        """Return the indices of the transforms to apply, in order."""
        low, high = self.number
        count = np.random.randint(low, high + 1)
        return np.random.permutation(len(self.transforms))[:count].tolist()

    def __repr__(self) -> str:
        return f'{type(self).__name__}(transforms={self.transforms}, number={self.number})'
