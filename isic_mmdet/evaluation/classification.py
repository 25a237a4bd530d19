"""How well the classes of the images are separated.

A metric that the images do not define, such as the recall of a class without images, is NaN.
Shorthand: N images, K classes; truths (N,) bool, scores (N,) float.
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

    None selects melanoma if it is one of several classes, else no class. Raises `InputError` if
    `wanted` is not one of several classes.
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

    Raises `InputError` if only some images have a true class.
    """
    unlabeled = [row['image_id'] for row in rows if row['label'] is None]
    if len(classes_of(rows[0])) < 2 or len(unlabeled) == len(rows):
        return False
    if unlabeled:
        raise InputError(
            'some images have no true class; label all of them or none', sorted(unlabeled)
        )
    return True


def class_metrics(rows: Sequence[Row], positive: str | None) -> dict[str, float]:
    """Return how well the classes are separated, see `have_classes`; each in [0, 1] or NaN.

    An image without a detection is wrong in every class.

    Returns:
        `classes/accuracy`, `classes/balanced_accuracy` (the mean recall of the classes that have
        images, as scikit-learn and the ISIC challenge of 2018 define it), `classes/auc/<name>` of
        each class against all others, and their mean `classes/macro_auc`, NaN if one of them is.
        Of the positive class, by the decisions `<name>/precision`, `recall` and `f1`, and by its
        scores `average_precision`, `auc` and `precision_at_recall76` (the metric of the 2017
        student project).
    """
    columns = class_columns(classes_of(rows[0]))
    truth = np.asarray([row['label'] for row in rows])
    scores = {
        name: np.asarray([row[column] for row in rows], dtype=np.float64)
        for name, column in columns.items()
    }
    aucs = {name: auc(truth == name, score) for name, score in scores.items()}
    counts, undetected = _confusion(rows)
    correct, images = counts.diagonal(), counts.sum(axis=1) + undetected
    recalls = correct[images > 0] / images[images > 0]
    metrics = {
        'classes/accuracy': _ratio(int(correct.sum()), len(rows)),
        'classes/balanced_accuracy': float(recalls.mean()) if recalls.size else math.nan,
        'classes/macro_auc': float(np.mean(list(aucs.values()))),
        **{f'classes/auc/{name}': value for name, value in aucs.items()},
    }
    if positive is not None:
        index = list(columns).index(positive)
        tp, called, true = int(correct[index]), int(counts[:, index].sum()), int(images[index])
        is_positive, score = truth == positive, scores[positive]
        metrics |= {
            f'{positive}/precision': _ratio(tp, called),
            f'{positive}/recall': _ratio(tp, true),
            f'{positive}/f1': _ratio(2 * tp, called + true),
            f'{positive}/average_precision': average_precision(is_positive, score),
            f'{positive}/auc': aucs[positive],
            f'{positive}/precision_at_recall76': precision_at_recall(is_positive, score, 0.76),
        }
    return metrics


def confusion_matrix(rows: Sequence[Row], positive: str | None) -> dict[str, Any]:
    """Return the confusion matrix as `metrics.json` holds it; see `LesionMetric`."""
    counts, undetected = _confusion(rows)
    return {
        'classes': list(classes_of(rows[0])),
        'counts': counts.tolist(),
        'no_detection': undetected.tolist(),
        'positive': positive,
    }


def _confusion(rows: Sequence[Row]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return (K, K) image counts and (K,) images of each class without a detection.

    Rows are the true class, columns the decision.
    """
    number = {name: index for index, name in enumerate(classes_of(rows[0]))}
    counts = np.zeros((len(number), len(number)), np.int64)
    undetected = np.zeros(len(number), np.int64)
    for row in rows:
        true, called = number[row['label']], row['predicted_label']
        if called is None:
            undetected[true] += 1
        else:
            counts[true, number[called]] += 1
    return counts, undetected


def average_precision(truth: ArrayLike, score: ArrayLike) -> float:
    """Return the area under the precision-recall steps; NaN without a positive image.

    Interpolated steps would give values that are too high (Davis and Goadrich 2006).
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
