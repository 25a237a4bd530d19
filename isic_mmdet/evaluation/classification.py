"""How well the classes of the images are told apart. NumPy only.

Every function takes one truth and one score or decision per image. What cannot be computed from
the images at hand (the recall of a class without a single image, say) is NaN, never a made-up 0.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from isic_mmdet.isic.labels import MELANOMA

#: The class that counts as positive where the config names none.
DEFAULT_POSITIVE = MELANOMA


def positive_metrics(
    name: str, truth: ArrayLike, decision: ArrayLike, score: ArrayLike
) -> dict[str, float]:
    """Return how well one class is told from all others, each in [0, 1] or NaN where undefined.

    Args:
        name: of the class; the metrics are called `<name>/precision` and so on.
        truth: (N,) bool, the image shows this class.
        decision: (N,) bool, the image was given this class; precision, recall and F1 judge it.
        score: (N,) float, higher means more like this class; average precision, AUC and the
            precision at a recall of 0.76 (the 2017 seed's) judge its order.
    """
    (_, fp), (fn, tp) = confusion_matrix(truth, decision)
    return {
        f'{name}/precision': _ratio(tp, tp + fp),
        f'{name}/recall': _ratio(tp, tp + fn),
        f'{name}/f1': _ratio(2 * tp, 2 * tp + fp + fn),
        f'{name}/average_precision': average_precision(truth, score),
        f'{name}/auc': auc(truth, score),
        f'{name}/precision_at_recall76': precision_at_recall(truth, score, 0.76),
    }


def class_metrics(
    classes: Sequence[str],
    truth: Sequence[str],
    decision: Sequence[str | None],
    scores: ArrayLike,
) -> dict[str, float]:
    """Return how well K classes are told apart, each in [0, 1] or NaN where undefined.

    `classes/accuracy`, `classes/balanced_accuracy` (the mean recall of the classes that have
    images, as scikit-learn and the ISIC challenge of 2018 define it), `classes/auc/<name>` of each
    class against all others, and their mean `classes/macro_auc`, which is NaN if one of them is.

    Args:
        classes: K names.
        truth: N names.
        decision: N names, None where nothing was detected, which is always wrong.
        scores: (N, K) float, higher means more like the class.
    """
    counts, undetected = class_confusion(classes, truth, decision)
    right, images = counts.diagonal(), counts.sum(axis=1) + undetected
    recalls = right[images > 0] / images[images > 0]
    true, columns = np.asarray(truth), np.asarray(scores, dtype=np.float64).T
    aucs = [auc(true == name, score) for name, score in zip(classes, columns, strict=True)]
    return {
        'classes/accuracy': _ratio(int(right.sum()), int(images.sum())),
        'classes/balanced_accuracy': float(recalls.mean()) if recalls.size else math.nan,
        'classes/macro_auc': float(np.mean(aucs)),
        **{f'classes/auc/{name}': value for name, value in zip(classes, aucs, strict=True)},
    }


def class_confusion(
    classes: Sequence[str], truth: Sequence[str], decision: Sequence[str | None]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Count the images of each class by what they were taken for.

    Returns:
        (K, K) counts, rows are the truth and columns the decision, and (K,) images of each class
        in which nothing was detected.
    """
    number = {name: index for index, name in enumerate(classes)}
    counts = np.zeros((len(classes), len(classes)), np.int64)
    undetected = np.zeros(len(classes), np.int64)
    for true, called in zip(truth, decision, strict=True):
        if called is None:
            undetected[number[true]] += 1
        else:
            counts[number[true], number[called]] += 1
    return counts, undetected


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
