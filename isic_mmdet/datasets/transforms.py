"""Transforms that the recipes need beyond mmdet's."""

import cv2
import numpy as np
from mmcv.transforms import BaseTransform
from mmcv.transforms.utils import cache_randomness
from mmdet.datasets.transforms import PackDetInputs, RandomCrop, RandomFlip
from mmdet.registry import TRANSFORMS
from mmdet.structures.mask import BitmapMasks

from isic_mmdet.images.planar import to_planar

# What OpenCV calls the directions.
_FLIP_CODES = {'horizontal': 1, 'vertical': 0, 'diagonal': -1}


@TRANSFORMS.register_module()
class ContiguousRandomFlip(RandomFlip):
    """mmdet's `RandomFlip` that moves the pixels of the image.

    mmdet leaves them where they are and reads them backwards, and each transform that follows
    takes up to forty times as long over that as the flip takes here.
    """

    def _flip(self, results: dict) -> None:
        image = results['img']
        super()._flip(results)
        results['img'] = cv2.flip(image, _FLIP_CODES[results['flip_direction']])


@TRANSFORMS.register_module()
class RandomLesionCrop(RandomCrop):
    """mmdet's `RandomCrop` that always leaves enough of the lesion.

    mmdet's may leave a sliver, or a box with nothing of its mask inside. This one draws again
    until `min_kept` of the lesion is left, and keeps the whole image after `DRAWS` in vain. Boxes
    are those of the masks that are left.

    Args:
        smallest: least height and width of the crop, as fractions of those of the image; both are
            drawn uniformly between this and 1.
        min_kept: fraction of the lesion's area that has to be inside, in (0, 1].
    """

    DRAWS = 10

    def __init__(self, smallest: float = 0.7, min_kept: float = 0.3) -> None:
        super().__init__((smallest, smallest), 'relative_range', recompute_bbox=True)
        self.min_kept = min_kept

    def transform(self, results: dict) -> dict:
        """Crop `img`, (H, W, 3), `gt_masks` and `gt_bboxes`."""
        whole = results['gt_masks'].areas.sum()
        for _ in range(self.DRAWS):
            # mmdet moves the boxes in place.
            drawn = super().transform({**results, 'gt_bboxes': results['gt_bboxes'].clone()})
            if drawn is not None and drawn['gt_masks'].areas.sum() >= self.min_kept * whole:
                return drawn
        return results


@TRANSFORMS.register_module()
class RandomTranspose(BaseTransform):
    """Swaps rows and columns: with the flips of `RandomFlip`, every turn by a right angle.

    Args:
        prob: how often, in [0, 1].
    """

    def __init__(self, prob: float = 0.5) -> None:
        self.prob = prob

    def transform(self, results: dict) -> dict:
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
class PackLesionInputs(PackDetInputs):
    """mmdet's `PackDetInputs` that also hands on what lesion scores and pictures need.

    Besides mmdet's own keys these are `isic_id` (str), `original_mask` (path of the official
    mask) and `gt_label` (int, index into the classes); see `LesionDataset`.
    """

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

    def transform(self, results: dict) -> dict:
        """Pack `img`, (H, W, 3), and the truth; see mmdet."""
        image = results.get('img')
        # OpenCV has no planes of int64, as mmdet's CopyPaste leaves images.
        if image is not None and image.flags.c_contiguous and image.dtype in (np.uint8, np.float32):
            results['img'] = to_planar(image)
        return super().transform(results)
