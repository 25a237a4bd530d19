"""Geometric transforms of the recipes, `SomeOf`, and the packing of inputs."""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from mmcv.transforms import BaseTransform
from mmcv.transforms.utils import cache_randomness
from mmdet.datasets.transforms import PackDetInputs, RandomCrop, RandomFlip
from mmdet.registry import TRANSFORMS
from mmdet.structures.mask import BitmapMasks

from isic_mmdet.errors import InputError
from isic_mmdet.images.planar import to_planar

# OpenCV's codes of the directions.
_FLIP_CODES = {'horizontal': 1, 'vertical': 0, 'diagonal': -1}


@TRANSFORMS.register_module()
class ContiguousRandomFlip(RandomFlip):
    """mmdet's `RandomFlip`, which also moves the pixels of the image in memory.

    mmdet returns a reversed view, and each later transform takes up to forty times as long on it
    as the flip takes here.
    """

    def _flip(self, results: dict[str, Any]) -> None:
        image = results['img']
        super()._flip(results)
        results['img'] = cv2.flip(image, _FLIP_CODES[results['flip_direction']])


@TRANSFORMS.register_module()
class RandomLesionCrop(RandomCrop):
    """mmdet's `RandomCrop` that always keeps enough of every lesion.

    mmdet's crop may keep a sliver, or a box without its mask. This one draws again until
    `min_kept` of every lesion is inside, and keeps the image uncropped after `DRAWS` attempts.
    Boxes are computed from the cropped masks.

    Args:
        smallest: least height and width of the crop, as fractions of those of the image; both are
            drawn uniformly between this and 1.
        min_kept: fraction of the area of a lesion that has to be inside, in (0, 1].
    """

    DRAWS = 10

    def __init__(self, smallest: float = 0.7, min_kept: float = 0.3) -> None:
        super().__init__((smallest, smallest), 'relative_range', recompute_bbox=True)
        self.min_kept = min_kept

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Crop `img`, (H, W, 3), `gt_masks` and `gt_bboxes`."""
        areas = results['gt_masks'].areas
        for _ in range(self.DRAWS):
            # mmdet moves the boxes in place.
            drawn = super().transform({**results, 'gt_bboxes': results['gt_bboxes'].clone()})
            kept = () if drawn is None else drawn['gt_masks'].areas
            if len(kept) == len(areas) and np.all(kept >= self.min_kept * areas):
                return drawn
        return results


@TRANSFORMS.register_module()
class RandomTranspose(BaseTransform):
    """Swaps rows and columns: with the flips of `RandomFlip`, all rotations by a right angle.

    Args:
        prob: probability of the swap, in [0, 1].
    """

    def __init__(self, prob: float = 0.5) -> None:
        self.prob = prob

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Transpose `img`, (H, W, 3), and `gt_masks`, bitmaps; `gt_bboxes` become theirs."""
        if not self._is_drawn():
            return results
        results['img'] = cv2.transpose(results['img'])
        height, width = results['img'].shape[:2]
        masks = np.ascontiguousarray(results['gt_masks'].masks.transpose(0, 2, 1))
        results['gt_masks'] = BitmapMasks(masks, height, width)
        results['gt_bboxes'] = results['gt_masks'].get_bboxes(type(results['gt_bboxes']))
        results['img_shape'] = (height, width)
        return results

    @cache_randomness
    def _is_drawn(self) -> bool:
        return bool(np.random.rand() < self.prob)

    def __repr__(self) -> str:
        return f'{type(self).__name__}(prob={self.prob})'


@TRANSFORMS.register_module()
class SomeOf(BaseTransform):
    """Applies a random number of its transforms, without repetition, in random order.

    Every number is equally likely, and then every arrangement of so many transforms.

    Args:
        transforms: configs of the transforms, at least one.
        number: fewest and most transforms to apply, both inclusive; by default none to all.

    Raises:
        InputError: there are no transforms, or `number` does not fit.
    """

    def __init__(
        self, transforms: Sequence[dict[str, Any]], number: tuple[int, int] | None = None
    ) -> None:
        self.transforms = [TRANSFORMS.build(transform) for transform in transforms]
        self.number = (0, len(transforms)) if number is None else tuple(number)
        low, high = self.number
        if not 0 <= low <= high <= len(transforms) or not transforms:
            raise InputError(
                f'SomeOf: number={self.number} of {len(transforms)} transforms; give the fewest '
                'and the most, 0 <= fewest <= most <= how many there are'
            )

    def transform(self, results: dict[str, Any]) -> dict[str, Any] | None:
        """Apply the drawn transforms; None as soon as one of them returns None."""
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


@TRANSFORMS.register_module()
class PackLesionInputs(PackDetInputs):
    """mmdet's `PackDetInputs` with the metadata of `LesionDataset` that scores and plots need."""

    META_KEYS = (
        'img_id',
        'isic_id',
        'img_path',
        'original_mask',
        'gt_label',
        'ori_shape',
        'img_shape',
        'scale_factor',
        'flip',
        'flip_direction',
    )

    def __init__(self) -> None:
        super().__init__(meta_keys=self.META_KEYS)

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Pack `img`, (H, W, 3), and the truth; see mmdet."""
        image = results.get('img')
        # mmdet's CopyPaste returns int64, which OpenCV cannot split.
        if image is not None and image.flags.c_contiguous and image.dtype in (np.uint8, np.float32):
            results['img'] = to_planar(image)
        return super().transform(results)
