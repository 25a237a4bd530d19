"""Test-time augmentation with masks, for pictures of one lesion."""

import torch
from mmdet.registry import MODELS
from mmdet.structures import DetDataSample
from mmengine.model import BaseTTAModel
from mmengine.structures import InstanceData

from isic_mmdet.masks.paste import paste_mask
from isic_mmdet.models.best_detection import best_finding
from isic_mmdet.models.box_masks import return_box_masks
from isic_mmdet.models.tta import verdict


@MODELS.register_module()
class LesionTTAModel(BaseTTAModel):
    """Average the lesion's mask probability over augmented views, then threshold.

    mmdet's own `DetTTAModel` refuses masks. One lesion per image makes it simple: every view
    gives its highest-scoring detection, and views that found none count with probability 0.

    - masks: where the mean over the V views of their probabilities, each interpolated from its own
      cells at the image's own size, is above `mask_threshold`; (K, H, W) bool, on the CPU, the
      same for each of the K classes that were found;
    - scores, labels, bboxes: see `isic_mmdet.models.tta.verdict`.

    Views may differ in size and flip.

    Args:
        module: config of the detector, see `isic_mmdet.models.box_masks.return_box_masks`.
        mask_threshold: probability above which a pixel belongs to the lesion, in (0, 1).
    """

    def __init__(self, mask_threshold: float = 0.5, **kwargs) -> None:
        super().__init__(**kwargs)
        self.mask_threshold = mask_threshold
        return_box_masks(self.module)

    def merge_preds(self, data_samples_list: list[list[DetDataSample]]) -> list[DetDataSample]:
        """Return one sample per image from the V samples of its views."""
        return [self._merge(views) for views in data_samples_list]

    def _merge(self, views: list[DetDataSample]) -> DetDataSample:
        merged = views[0].new()
        merged.set_metainfo(views[0].metainfo)
        findings = [found for found in map(best_finding, views) if found is not None]
        said = verdict(findings, len(views))
        if said is None:
            merged.pred_instances = views[0].pred_instances[:0]
            merged.pred_instances.masks = torch.zeros((0, *merged.ori_shape[:2]), dtype=torch.bool)
            return merged
        mask = paste_mask(
            [found.view for found in findings],
            len(views),
            merged.ori_shape[:2],
            self.mask_threshold,
        )
        number = len(said.scores)
        merged.pred_instances = InstanceData(
            bboxes=torch.tensor([said.box] * number),
            scores=torch.tensor(list(said.scores.values())),
            labels=torch.tensor(list(said.scores)),
            masks=torch.from_numpy(mask)[None].expand(number, -1, -1),
        )
        return merged
