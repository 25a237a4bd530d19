"""A mask loss of what a lesion is scored by, the Jaccard index, and of its single cells."""

import torch
import torch.nn.functional as functional
from mmdet.registry import MODELS
from torch import Tensor, nn


@MODELS.register_module()
class BCEJaccardLoss(nn.Module):
    """Binary cross-entropy of the cells plus the soft Jaccard distance of each mask.

    Cross-entropy counts every cell alike, so a small lesion in a large box hardly counts. The
    challenge scores each lesion by its Jaccard index. For probabilities p and truth t of the cells
    of a mask, the soft index is `sum(p t) / sum(p + t - p t)`. The distance is the mean over masks
    of one minus it, in [0, 1] (Rahman and Wang, "Optimizing intersection-over-union in deep neural
    networks for image segmentation", ISVC 2016). A mask without truth has distance 0.

    Use it in place of `CrossEntropyLoss(use_mask=True)` as `mask_head.loss_mask`.
    """

    def forward(
        self, pred: Tensor, target: Tensor, label: Tensor, weight: Tensor | None = None
    ) -> Tensor:
        """Return the loss, a scalar.

        Args:
            pred: logits, (R, K, h, w) float32, one map for each of K classes; R is at least 1.
            target: share of each cell that is lesion, (R, h, w) float32 in [0, 1].
            label: class of each region, (R,) int64 below K.
            weight: 1 for each region that counts and 0 for the others, (R,) float32; all count
                where it is None. The loss is 0 where none counts.
        """
        logits = pred[torch.arange(len(pred), device=pred.device), label].flatten(1)
        probability, truth = logits.sigmoid(), target.flatten(1)
        cross_entropy = functional.binary_cross_entropy_with_logits(
            logits, truth, reduction='none'
        ).mean(1)
        intersection = (probability * truth).sum(1)
        union = (probability + truth).sum(1) - intersection
        distance = (1 - intersection / union.clamp(min=1e-6)) * (truth.sum(1) > 0)
        if weight is None:
            return (cross_entropy + distance).mean()
        return ((cross_entropy + distance) * weight).sum() / weight.sum().clamp(min=1)
