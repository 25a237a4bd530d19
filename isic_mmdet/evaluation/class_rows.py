"""How well classes are told apart, from the rows of `per_image.csv`."""

from collections.abc import Mapping, Sequence
from typing import Any

from isic_mmdet.errors import InputError
from isic_mmdet.evaluation.classification import (
    DEFAULT_POSITIVE,
    class_confusion,
    class_metrics,
    positive_metrics,
)
from isic_mmdet.evaluation.per_image import class_columns, classes_of

Row = Mapping[str, Any]


def positive_class(wanted: str | None, classes: Sequence[str]) -> str | None:
    """Return the class that is told from all others.

    Args:
        wanted: its name; None takes melanoma where there is such a class, and else none.
        classes: of the data.

    Raises:
        InputError: `wanted` is none of several classes.
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
    """Tell whether the images show several classes, and which each of them shows is known.

    Raises:
        InputError: it is known of some of them only.
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
    """Return the `classes/` metrics, and those of the positive class.

    Args:
        rows: at least one, with `label`, `predicted_label` and the score of each of two or more
            classes (`per_image.class_columns`); every label is one of these classes.
        positive: one of the classes, or None.
    """
    classes = classes_of(rows[0])
    columns = class_columns(classes)
    truth, decision = [row['label'] for row in rows], [row['predicted_label'] for row in rows]
    scores = [[row[column] for column in columns.values()] for row in rows]
    metrics = class_metrics(classes, truth, decision, scores)
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
