"""Transforms that the recipes need beyond mmdet's."""

import cv2
from mmcv.transforms import BaseTransform
from mmdet.datasets.transforms import PackDetInputs, RandomFlip
from mmdet.registry import TRANSFORMS

from isic_mmdet.datasets.planes import split_planes

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
class BoxesFromMasks(BaseTransform):
    """Boxes that are the extents of the masks, and a margin around them.

    The mask of a lesion is found inside its box. With a margin, a box that is found a little too
    small cuts nothing off it. Comes after all transforms that move pixels.

    Args:
        margin: added on every side, as a share of the box's own width and height; the box ends
            at the border of the image.
    """

    def __init__(self, margin: float = 0.0) -> None:
        self.margin = margin

    def transform(self, results: dict) -> dict:
        """Set `gt_bboxes`, (n, 4), from `gt_masks`, (n, H, W)."""
        boxes = results['gt_masks'].get_bboxes(type(results['gt_bboxes']))
        size = boxes.tensor[:, 2:] - boxes.tensor[:, :2]
        boxes.tensor[:, :2] -= self.margin * size
        boxes.tensor[:, 2:] += self.margin * size
        boxes.clip_(results['img_shape'])
        results['gt_bboxes'] = boxes
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(margin={self.margin})'


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
        if image is not None and image.flags.c_contiguous:
            results['img'] = split_planes(image)
        return super().transform(results)
