"""The head of RTMDet-Ins, with masks of the size of the image."""

from typing import Any

from mmdet.models.dense_heads import RTMDetInsSepBNHead
from mmdet.registry import MODELS
from mmengine.structures import InstanceData


@MODELS.register_module()
class ExactSizeRTMDetInsHead(RTMDetInsSepBNHead):
    """mmdet's head with the scale factors of rows and columns in the right order.

    Upstream bug: `RTMDetInsHead` enlarges the rows of a mask by the factor of the columns and the
    columns by that of the rows (open-mmlab/mmdetection 11230). The factors of most images differ
    by rounding, so masks are shifted, or are some rows smaller than the image. This can be removed
    with an mmdet that has pull request 11231.
    """

    def _bbox_mask_post_process(
        self, results: InstanceData, *args: Any, img_meta: Any = None, **kwargs: Any
    ) -> InstanceData:
        """Return the detections of one image; see mmdet for the arguments."""
        columns, rows = img_meta['scale_factor']
        if kwargs.get('rescale'):
            # mmdet divides the boxes by the factors of the masks. NMS does not depend on them.
            own = results.bboxes.new_tensor([rows / columns, columns / rows] * 2)
            results.bboxes = results.bboxes * own
        swapped = {**img_meta, 'scale_factor': (rows, columns)}
        return super()._bbox_mask_post_process(results, *args, img_meta=swapped, **kwargs)
