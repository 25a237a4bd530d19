"""How well the classes of the images are separated. NumPy only.

Every function takes one truth and one score or decision per image. A metric that the images do
not define (the recall of a class without images, say) is NaN.

Shorthand: N images, K classes.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from isic_mmdet.errors import InputError
from isic_mmdet.evaluation.per_image import Row, class_columns, classes_of
from isic_mmdet.isic.names import MELANOMA

#: The positive class if the config names none.
DEFAULT_POSITIVE = MELANOMA


def positive_class(wanted: str | None, classes: Sequence[str]) -> str | None:
    """Return the class that is separated from all others.

    Args:
        wanted: its name; None selects melanoma if it is one of several classes, else no class.
        classes: of the data.

    Raises:
        InputError: `wanted` is not one of several classes.
    """
    if wanted is None:
        return DEFAULT_POSITIVE if len(classes) > 1 and DEFAULT_POSITIVE in classes else None
    if wanted not in classes or len(classes) < 2:
        raise InputError(
            f'positive class {wanted!r}: the data have the classes {list(classes)}; name one of '
            'several classes, or none'
        )
    return wanted


def have_classes(rows: Sequence[Row]) -> bool:
    """Return whether there are several classes and the true class of each image is known.

    Raises:
        InputError: only some images have a true class.
    """
    unlabeled = [row['image_id'] for row in rows if row['label'] is None]
    if len(classes_of(rows[0])) < 2 or len(unlabeled) == len(rows):
        return False
    if unlabeled:
        raise InputError(
            'some images have no true class; label all of them or none', sorted(unlabeled)
        )
    return True


def rows_class_metrics(rows: Sequence[Row], positive: str | None) -> dict[str, float]:
    """Return the `classes/` metrics and those of the positive class, see `have_classes`."""
    columns = class_columns(classes_of(rows[0]))
    truth, decision = [row['label'] for row in rows], [row['predicted_label'] for row in rows]
    scores = [[row[column] for column in columns.values()] for row in rows]
    metrics = class_metrics(tuple(columns), truth, decision, scores)
    if positive is not None:
        metrics |= positive_metrics(
            positive,
            [label == positive for label in truth],
            [label == positive for label in decision],
            [row[columns[positive]] for row in rows],
        )
    return metrics


def rows_confusion(rows: Sequence[Row], positive: str | None) -> dict[str, Any]:
    """Return the confusion matrix as `metrics.json` holds it; see `LesionMetric`."""
    classes = classes_of(rows[0])
    counts, undetected = class_confusion(
        classes, [row['label'] for row in rows], [row['predicted_label'] for row in rows]
    )
    return {
        'classes': list(classes),
        'counts': counts.tolist(),
        'no_detection': undetected.tolist(),
        'positive': positive,
    }


def positive_metrics(
    name: str, truth: ArrayLike, decision: ArrayLike, score: ArrayLike
) -> dict[str, float]:
    """Return how well one class is separated from all others, each in [0, 1] or NaN.

    Args:
        name: of the class; the metrics are called `<name>/precision` and so on.
        truth: (N,) bool, the image shows this class.
        decision: (N,) bool, the image was assigned this class; for precision, recall and F1.
        score: (N,) float, higher for this class; for average precision, AUC and the precision at
            a recall of 0.76 (the metric of the 2017 student project).
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
    """Return how well K classes are separated, each in [0, 1] or NaN.

    `classes/accuracy`, `classes/balanced_accuracy` (the mean recall of the classes that have
    images, as scikit-learn and the ISIC challenge of 2018 define it), `classes/auc/<name>` of each
    class against all others, and their mean `classes/macro_auc`, which is NaN if one of them is.

    Args:
        classes: K names.
        truth: N names.
        decision: N names; None (no detection) is always wrong.
        scores: (N, K) float, higher for the class.
    """
    counts, undetected = class_confusion(classes, truth, decision)
    correct, images = counts.diagonal(), counts.sum(axis=1) + undetected
    recalls = correct[images > 0] / images[images > 0]
    true, columns = np.asarray(truth), np.asarray(scores, dtype=np.float64).T
    aucs = [auc(true == name, score) for name, score in zip(classes, columns, strict=True)]
    return {
        'classes/accuracy': _ratio(int(correct.sum()), int(images.sum())),
        'classes/balanced_accuracy': float(recalls.mean()) if recalls.size else math.nan,
        'classes/macro_auc': float(np.mean(aucs)),
        **{f'classes/auc/{name}': value for name, value in zip(classes, aucs, strict=True)},
    }


def class_confusion(
    classes: Sequence[str], truth: Sequence[str], decision: Sequence[str | None]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return (K, K) image counts and (K,) images of each class without a detection.

    Rows are the true class, columns the decision.
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
    return [[int(np.sum((true == t) & (called == c))) for c in (0, 1)] for t in (0, 1)]


def average_precision(truth: ArrayLike, score: ArrayLike) -> float:
    """Return the area under the precision-recall steps; NaN without a positive image.

    Images of equal score are counted together. Steps are not interpolated, which would give
    values that are too high (Davis and Goadrich 2006).
    """
    tp, fp = _counts_above(truth, score)
    if not tp[-1:].any():
        return math.nan
    return float(np.sum(tp / (tp + fp) * np.diff(tp, prepend=0)) / tp[-1])


def precision_at_recall(truth: ArrayLike, score: ArrayLike, recall: float) -> float:
    """Return the precision at the highest threshold whose recall is at least `recall`.

    NaN without a positive image. Images that score at least the threshold are called positive.
    """
    tp, fp = _counts_above(truth, score)
    if not tp[-1:].any():
        return math.nan
    reached = int(np.argmax(tp >= recall * tp[-1]))
    return float(tp[reached] / (tp[reached] + fp[reached]))


def auc(truth: ArrayLike, score: ArrayLike) -> float:
    """Return the area under the ROC curve; NaN unless there are images of both kinds.

    This is the share of (positive, negative) pairs in the right order; a tie counts half
    (Mann and Whitney 1947).
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


def _counts_above(
    truth: ArrayLike, score: ArrayLike
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Count true and false positives as the threshold falls from the highest score."""
    positives, negatives = _counts_by_score(truth, score)
    return np.cumsum(positives[::-1]), np.cumsum(negatives[::-1])


def _ratio(part: int, total: int) -> float:
    return part / total if total else math.nan
