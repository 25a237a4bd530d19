"""Transforms that the recipes need beyond mmdet's."""

import cv2
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
