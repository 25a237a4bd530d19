"""Means over images with their bootstrap intervals."""

import math
from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray

from isic_mmdet.evaluation.per_image import BOUNDARY_COLUMNS, Row
from isic_mmdet.evaluation.scores import INTERVAL_ENDS, bootstrap_means, threshold_jaccard

#: Means over images, in the order of the tables. Of mask files, one per image, `iou_max` is `iou`.
SCORES = ('iou', 'iou_max', 'iou_thr65', 'dice', 'pixel_accuracy', 'sensitivity', 'specificity')


def has_boundary(rows: Sequence[Row]) -> bool:
    """Return whether the boundary metrics were computed."""
    return all(name in row for row in rows for name in BOUNDARY_COLUMNS)


def full_name(name: str) -> str:
    """Return the name of a metric with its prefix, such as `lesion/iou`."""
    return f'boundary/{name}' if name in BOUNDARY_COLUMNS else f'lesion/{name}'


def values_of(rows: Sequence[Row], name: str) -> NDArray[np.float64]:
    """Return one metric of every image, (N,), NaN where it is undefined."""
    if name == 'iou_thr65':
        return np.array([threshold_jaccard(row['iou']) for row in rows])
    return np.array([row[name] for row in rows], dtype=np.float64)


def summarize(
    rows: Sequence[Row], intervals: Collection[str] = SCORES + BOUNDARY_COLUMNS
) -> dict[str, float]:
    """Return the mean of each metric over images, with 95 % bootstrap intervals.

    An image without a detection counts with the scores of an empty mask, as in an official
    submission.

    Args:
        rows: at least one, see `per_image`.
        intervals: metrics whose interval is added as `..._ci_low` and `..._ci_high`.

    Returns:
        Scores are in [0, 1]; `lesion/missed` is the share of images without a detection. If the
        boundary metrics were computed, their means over the `boundary/images` images where they
        are defined, in pixels or as a share of the image diagonal. A mean over no image is NaN,
        and so is the interval of fewer than two.
    """
    if not rows:
        raise ValueError('no images to summarize')
    metrics = _means(rows, SCORES, intervals)[0]
    metrics['lesion/missed'] = float(np.mean([row['detections'] == 0 for row in rows]))
    if has_boundary(rows):
        distances, images = _means(rows, BOUNDARY_COLUMNS, intervals)
        metrics |= distances | {'boundary/images': images}
    return metrics


def _means(
    rows: Sequence[Row], names: Sequence[str], intervals: Collection[str]
) -> tuple[dict[str, float], int]:
    """Return means and intervals over the images that define the metrics, and their number.

    An image defines all of the metrics or none.
    """
    values = np.stack([values_of(rows, name) for name in names], axis=1)
    values = values[~np.isnan(values).any(axis=1)]
    metrics = {}
    for name, column in zip(names, values.T, strict=True):
        # NumPy sums a row of memory in pairs, which is more exact than along a column.
        metrics[full_name(name)] = float(np.mean(column.copy())) if len(column) else math.nan
    bounded = [index for index, name in enumerate(names) if name in intervals]
    low, high = np.full((2, len(names)), math.nan)
    if bounded and len(values) > 1:
        low[bounded], high[bounded] = np.quantile(
            bootstrap_means(values[:, bounded]), INTERVAL_ENDS, axis=0
        )
    for index in bounded:
        key = full_name(names[index])
        metrics[f'{key}_ci_low'], metrics[f'{key}_ci_high'] = float(low[index]), float(high[index])
    return metrics, len(values)
