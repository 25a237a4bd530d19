"""Mask heads that return the cells they predict in a box, instead of masks of image size.

Two problems of mmdet 3.3.0 are solved here:

- `FCNMaskHead.predict_by_feat` pastes every mask at the size of the original image, through two
  float grids of that size. For 30 megapixels this takes gigabytes and seconds
  (open-mmlab/mmdetection 8217, 8232), and no setting prevents it. Remove this module when mmdet
  can return the cells.
- Cascades average the cells of their stages with `merge_aug_masks`, which flips them if the image
  was flipped (open-mmlab/mmdetection 1466). That fails, because torch has no slices with a
  negative step, and would be wrong, because the boxes stay flipped.
"""

from collections.abc import Sequence
from functools import partial
from inspect import signature
from typing import Any

from mmdet.models.roi_heads.mask_heads import FCNMaskHead
from mmengine.structures import InstanceData
from torch import Tensor, nn


def return_box_masks(model: nn.Module) -> None:
    """Let a model predict `masks` of (n, h, w) float, probabilities of the cells of the boxes.

    All other predictions stay as they are. `isic_mmdet.masks.paste` makes image-size masks.
    Detectors without an `FCNMaskHead` keep their masks of the complete image, (n, H, W) bool.

    Args:
        model: a detector of mmdet; changed in place.
    """
    heads = [module for module in model.modules() if isinstance(module, FCNMaskHead)]
    for head in heads:
        head.predict_by_feat = partial(predict_box_masks, head)
    if heads:
        roi_head: Any = model.roi_head
        roi_head.predict_mask = partial(_predict_unflipped, roi_head)


def _predict_unflipped(roi_head: Any, *args: Any, **kwargs: Any) -> list[InstanceData]:
    """Call `predict_mask` of the RoI head with metas of images that are not flipped."""
    predict_mask = type(roi_head).predict_mask
    given = signature(predict_mask).bind(roi_head, *args, **kwargs)
    given.arguments['batch_img_metas'] = [
        {**meta, 'flip': False} for meta in given.arguments['batch_img_metas']
    ]
    return predict_mask(*given.args, **given.kwargs)


def predict_box_masks(
    head: FCNMaskHead,
    mask_preds: Sequence[Tensor],
    results_list: list[InstanceData],
    batch_img_metas: Sequence[dict[str, Any]],
    rcnn_test_cfg: Any,
    rescale: bool = False,
    activate_map: bool = False,
) -> list[InstanceData]:
    """Do what `FCNMaskHead.predict_by_feat` does, without the pasting."""
    for predicted, results, meta in zip(mask_preds, results_list, batch_img_metas, strict=True):
        # The average of several heads is already a probability.
        maps = predicted if activate_map else predicted.sigmoid()
        classes = 0 if head.class_agnostic else results.labels
        results.masks = maps[range(len(results)), classes]
        if rescale:
            results.bboxes /= results.bboxes.new_tensor(meta['scale_factor']).repeat(2)
    return results_list
