"""Whether one set of predictions is better than another on the same images."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from isic_mmdet.errors import InputError
from isic_mmdet.evaluation.per_image import DISTANCE_COLUMNS, Row
from isic_mmdet.evaluation.scores import bootstrap_means
from isic_mmdet.evaluation.summary import SCORES, full_name, has_boundary, values_of

Rows = Sequence[Row]


def compare(rows: Rows, baseline: Rows) -> dict[str, dict[str, Any]]:
    """Compare two sets of predictions of the same images by a paired bootstrap (Efron 1979).

    Returns:
        For each score and distance that both sets have: `images` where both define it, the means
        `value` and `baseline`, `difference` (value - baseline) with its 95 % percentile interval
        `ci_low` and `ci_high`, `better_share`, the share of draws in which the mean is better than
        that of the baseline (lower for a distance; ties count half), and `better`: `predictions` or
        `baseline` if the interval excludes 0, else None. A metric without images has only `images`.

    Raises:
        InputError: the two sets differ in their images, or in the size of an image.
    """
    by_id = {row['image_id']: row for row in baseline}
    _check_same_images(rows, by_id)
    baseline = [by_id[row['image_id']] for row in rows]
    both = has_boundary(rows) and has_boundary(baseline)
    names = SCORES + DISTANCE_COLUMNS if both else SCORES
    return {full_name(name): _difference(rows, baseline, name) for name in names}


def _difference(rows: Rows, baseline: Rows, name: str) -> dict[str, Any]:
    values, others = values_of(rows, name), values_of(baseline, name)
    defined = ~(np.isnan(values) | np.isnan(others))
    values, others = values[defined], others[defined]
    if not len(values):
        return {'images': 0}
    # The difference of two means over the same draw is the mean of the differences.
    means = bootstrap_means(values - others)
    low, high = np.quantile(means, (0.025, 0.975))
    lower_is_better = name in DISTANCE_COLUMNS
    gains = -means if lower_is_better else means
    better = None
    if low > 0 or high < 0:
        better = 'predictions' if (low > 0) != lower_is_better else 'baseline'
    return {
        'images': len(values),
        'value': float(values.mean()),
        'baseline': float(others.mean()),
        'difference': float((values - others).mean()),
        'ci_low': float(low),
        'ci_high': float(high),
        'better_share': float(np.mean(gains > 0) + np.mean(gains == 0) / 2),
        'better': better,
    }


def _check_same_images(rows: Rows, baseline: Mapping[str, Row]) -> None:
    ids = {row['image_id'] for row in rows}
    errors = [f'{image_id}: only in the predictions' for image_id in sorted(ids - baseline.keys())]
    errors += [f'{image_id}: only in the baseline' for image_id in sorted(baseline.keys() - ids)]
    for row in rows:
        other = baseline.get(row['image_id'], row)
        sizes = [f'{r["width"]} x {r["height"]}' for r in (row, other)]
        if sizes[0] != sizes[1]:
            errors.append(f'{row["image_id"]}: scored at {sizes[0]} and at {sizes[1]} pixels')
    if errors:
        raise InputError(
            'the two sets cannot be compared; score both against the same truth', errors
        )
