"""How well images with a melanoma are told from the others. NumPy only.

Every function takes one truth and one score or decision per image. What cannot be computed from
the images at hand (the recall without a single melanoma, say) is NaN, never a made-up 0.
"""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray


def melanoma_metrics(truth: ArrayLike, decision: ArrayLike, score: ArrayLike) -> dict[str, float]:
    """Return the `melanoma/` metrics, each in [0, 1] or NaN where undefined.

    Args:
        truth: (N,) bool, the image shows a melanoma.
        decision: (N,) bool, the image was called a melanoma; precision, recall and F1 judge it.
        score: (N,) float, higher means more like a melanoma; average precision, AUC and the
            precision at a recall of 0.76 (the 2017 seed's) judge its order.
    """
    (_, fp), (fn, tp) = confusion_matrix(truth, decision)
    return {
        'melanoma/precision': _ratio(tp, tp + fp),
        'melanoma/recall': _ratio(tp, tp + fn),
        'melanoma/f1': _ratio(2 * tp, 2 * tp + fp + fn),
        'melanoma/average_precision': average_precision(truth, score),
        'melanoma/auc': auc(truth, score),
        'melanoma/precision_at_recall76': precision_at_recall(truth, score, 0.76),
    }


def confusion_matrix(truth: ArrayLike, decision: ArrayLike) -> list[list[int]]:
    """Return image counts as [[tn, fp], [fn, tp]]: rows are the truth, columns the decision."""
    true, called = np.asarray(truth, dtype=bool), np.asarray(decision, dtype=bool)
    return [
        [int(np.sum(~true & ~called)), int(np.sum(~true & called))],
        [int(np.sum(true & ~called)), int(np.sum(true & called))],
    ]


def average_precision(truth: ArrayLike, score: ArrayLike) -> float:
    """Return the area under the precision-recall steps; NaN without a positive image.

    Images of equal score enter together, and no line is drawn between the steps (interpolation
    would flatter the result: Davis and Goadrich 2006).

    Args:
        truth: (N,) bool.
        score: (N,) float.
    """
    positives, negatives = _counts_by_score(truth, score)
    if positives.sum() == 0:
        return math.nan
    tp, fp = _called_by_score(positives, negatives)
    return float(np.sum(tp / (tp + fp) * positives[::-1]) / tp[-1])


def precision_at_recall(truth: ArrayLike, score: ArrayLike, recall: float) -> float:
    """Return the precision where the recall first reaches a value; NaN without a positive image.

    Args:
        truth: (N,) bool.
        score: (N,) float. What scores at least as much as the highest threshold whose recall is
            not below `recall` is called positive.
        recall: in (0, 1].
    """
    positives, negatives = _counts_by_score(truth, score)
    if positives.sum() == 0:
        return math.nan
    tp, fp = _called_by_score(positives, negatives)
    reached = int(np.argmax(tp >= recall * tp[-1]))
    return float(tp[reached] / (tp[reached] + fp[reached]))


def auc(truth: ArrayLike, score: ArrayLike) -> float:
    """Return the area under the ROC curve; NaN unless both kinds of images are there.

    Computed as the share of (positive, negative) pairs in the right order, a tie counting half
    (Mann and Whitney 1947).

    Args:
        truth: (N,) bool.
        score: (N,) float.
    """
    positives, negatives = _counts_by_score(truth, score)
    pairs = int(positives.sum()) * int(negatives.sum())
    if pairs == 0:
        return math.nan
    lower_negatives = np.cumsum(negatives) - negatives
    return float(np.sum(positives * (lower_negatives + negatives / 2)) / pairs)


def _counts_by_score(
    truth: ArrayLike, score: ArrayLike
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Count positive and negative images at each distinct score, in rising order."""
    true = np.asarray(truth, dtype=bool)
    levels, index = np.unique(np.asarray(score, dtype=np.float64), return_inverse=True)
    positives = np.bincount(index[true], minlength=levels.size)
    return positives, np.bincount(index[~true], minlength=levels.size)


def _called_by_score(
    positives: NDArray[np.int64], negatives: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Count true and false calls as the threshold falls from the highest score to the lowest."""
    return np.cumsum(positives[::-1]), np.cumsum(negatives[::-1])


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else math.nan
