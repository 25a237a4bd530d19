"""A loss for masks that asks for what a lesion is scored by, beside what each cell is."""

import torch
import torch.nn.functional as functional
from mmdet.registry import MODELS
from torch import Tensor, nn


@MODELS.register_module()
class BCEJaccardLoss(nn.Module):
    """Binary cross-entropy of the cells plus the soft Jaccard distance of each mask.

    Cross-entropy counts every cell alike, so a small lesion in a loose box hardly counts. The
    challenge scores each lesion by its Jaccard index. With probabilities p and truth t in the
    cells of a mask, its soft form is `sum(p t) / sum(p + t - p t)`; the loss is the mean over
    masks of one minus it (Rahman and Wang, "Optimizing intersection-over-union in deep neural
    networks for image segmentation", ISVC 2016), which is between 0 and 1, plus the mean
    cross-entropy of all cells. A mask without a cell of truth has no Jaccard index and counts in
    the cross-entropy alone.

    It takes the place of `CrossEntropyLoss(use_mask=True)` in a config's `mask_head.loss_mask`.
    """

    def forward(self, pred: Tensor, target: Tensor, label: Tensor) -> Tensor:
        """Return the loss, a scalar.

        Args:
            pred: logits, (R, K, h, w) float32, one map for each of K classes; R is at least 1.
            target: share of each cell that is lesion, (R, h, w) float32 in [0, 1].
            label: class of each region, (R,) int64 below K: the map that is compared.
        """
        logits = pred[torch.arange(len(pred), device=pred.device), label]
        cross_entropy = functional.binary_cross_entropy_with_logits(logits, target)
        probability, truth = logits.sigmoid().flatten(1), target.flatten(1)
        both = (probability * truth).sum(1)
        either = (probability + truth).sum(1) - both
        distance = (1 - both / either.clamp(min=1e-6)) * (truth.sum(1) > 0)
        return cross_entropy + distance.mean()
