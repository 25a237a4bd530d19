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
        score: (N,) float, higher means more like a melanoma; average precision and AUC judge
            its order.
    """
    (_, fp), (fn, tp) = confusion_matrix(truth, decision)
    return {
        'melanoma/precision': _ratio(tp, tp + fp),
        'melanoma/recall': _ratio(tp, tp + fn),
        'melanoma/f1': _ratio(2 * tp, 2 * tp + fp + fn),
        'melanoma/average_precision': average_precision(truth, score),
        'melanoma/auc': auc(truth, score),
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
    # From the highest score down: what has been called positive so far.
    positives, negatives = positives[::-1], negatives[::-1]
    tp = np.cumsum(positives)
    precision = tp / (tp + np.cumsum(negatives))
    return float(np.sum(precision * positives) / tp[-1])


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


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else math.nan
