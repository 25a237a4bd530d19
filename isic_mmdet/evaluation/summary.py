"""Means over images with their intervals."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isic_mmdet.evaluation import scores as core
from isic_mmdet.evaluation.mask_scores import BOUNDARY_COLUMNS

#: Means over images, in the order in which they are told. Of mask files, one an image, the best
#: detection is the only one, and `iou_max` is `iou`.
SCORES = (
    'iou',
    'iou_max',
    'iou_thr65',
    'dice',
    'pixel_accuracy',
    'sensitivity',
    'specificity',
)


def has_boundary(rows: Sequence[Mapping[str, Any]]) -> bool:
    """Tell whether the borders were compared."""
    return all(name in row for row in rows for name in BOUNDARY_COLUMNS)


def full_name(name: str) -> str:
    """Return the name of a metric with its prefix, such as `lesion/iou`."""
    return f'boundary/{name}' if name in BOUNDARY_COLUMNS else f'lesion/{name}'


def values_of(rows: Sequence[Mapping[str, Any]], name: str) -> NDArray[np.float64]:
    """Return one metric of every image, (N,), NaN where it is undefined."""
    if name == 'iou_thr65':
        return np.array([core.threshold_jaccard(row['iou']) for row in rows])
    return np.array([row[name] for row in rows], dtype=np.float64)


def summarize(rows: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Return the mean of each metric and its 95 % bootstrap interval, as `..._ci_low` and `_high`.

    Scores are in [0, 1]; `lesion/missed` is the share of images with an empty prediction.
    Distances and shifts of the outline are means over the `boundary/images` images where they are
    defined, in pixels or as a share of the image diagonal, and so is `boundary/iou_shifted`. A mean
    over no image is NaN, and so is the interval of fewer than two.

    Args:
        rows: at least one row, see `mask_scores.score_pair`.
    """
    metrics = _means(rows, SCORES)[0]
    metrics['lesion/missed'] = float(np.mean([row['detections'] == 0 for row in rows]))
    if has_boundary(rows):
        distances, images = _means(rows, BOUNDARY_COLUMNS)
        metrics |= distances | {'boundary/images': images}
    return metrics


def _means(rows: Sequence[Mapping[str, Any]], names: Sequence[str]) -> tuple[dict[str, float], int]:
    """Return means and intervals over the images where the metrics are defined, and their number.

    Of metrics that are taken together an image has all or none.
    """
    values = np.stack([values_of(rows, name) for name in names], axis=1)
    values = values[~np.isnan(values).any(axis=1)]
    nothing = np.full(len(names), math.nan)
    means = values.mean(axis=0) if len(values) else nothing
    low = high = nothing
    if len(values) > 1:
        low, high = np.quantile(core.bootstrap_means(values), (0.025, 0.975), axis=0)
    metrics = {}
    for index, key in enumerate(map(full_name, names)):
        metrics[key] = float(means[index])
        metrics[f'{key}_ci_low'] = float(low[index])
        metrics[f'{key}_ci_high'] = float(high[index])
    return metrics, len(values)
