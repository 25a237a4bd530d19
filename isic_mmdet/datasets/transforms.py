"""Transforms that the recipes need beyond mmdet's."""

from mmdet.datasets.transforms import PackDetInputs
from mmdet.registry import TRANSFORMS


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
