"""Whether one set of predictions is better than another on the same images."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from isic_mmdet.errors import InputError
from isic_mmdet.evaluation.per_image import DISTANCE_COLUMNS
from isic_mmdet.evaluation.scores import bootstrap_means
from isic_mmdet.evaluation.summary import SCORES, full_name, has_boundary, values_of

Rows = Sequence[Mapping[str, Any]]


def compare(a: Rows, b: Rows) -> dict[str, dict[str, Any]]:
    """Compare two sets by a paired bootstrap: images are drawn anew, each with both its scores.

    Args:
        a: one row an image, see `mask_scores.score_pair`.
        b: the same images, in any order.

    Returns:
        For each score and distance that both sets hold: `images` where both have it defined, the
        means `a` and `b`, `difference` (a - b) with its 95 % percentile interval `ci_low` and
        `ci_high`, `a_better`, the share of draws in which A's mean is the better one (the lower
        one of a distance), a tie counting half, and `better`, 'a' or 'b' if the interval leaves
        out 0, else None. Only `images` stands for a metric without any.

    Raises:
        InputError: the two sets differ in their images, or in the size of an image.
    """
    by_id = {row['image_id']: row for row in b}
    _check_same_images(a, by_id)
    b = [by_id[row['image_id']] for row in a]
    names = SCORES + DISTANCE_COLUMNS if has_boundary(a) and has_boundary(b) else SCORES
    return {full_name(name): _difference(a, b, name) for name in names}


def _difference(a: Rows, b: Rows, name: str) -> dict[str, Any]:
    first, second = values_of(a, name), values_of(b, name)
    defined = ~(np.isnan(first) | np.isnan(second))
    first, second = first[defined], second[defined]
    if not len(first):
        return {'images': 0}
    # The difference of two means over the same draw is the mean of the differences.
    means = bootstrap_means(first - second)
    low, high = np.quantile(means, (0.025, 0.975))
    lower_is_better = name in DISTANCE_COLUMNS
    gains = -means if lower_is_better else means
    better = None
    if low > 0 or high < 0:
        better = 'a' if (low > 0) != lower_is_better else 'b'
    return {
        'images': len(first),
        'a': float(first.mean()),
        'b': float(second.mean()),
        'difference': float((first - second).mean()),
        'ci_low': float(low),
        'ci_high': float(high),
        'a_better': float(np.mean(gains > 0) + np.mean(gains == 0) / 2),
        'better': better,
    }


def _check_same_images(a: Rows, b: Mapping[str, Mapping[str, Any]]) -> None:
    ids = {row['image_id'] for row in a}
    faults = [f'{image_id}: only in the first set' for image_id in sorted(ids - b.keys())]
    faults += [f'{image_id}: only in the second set' for image_id in sorted(b.keys() - ids)]
    for row in a:
        other = b.get(row['image_id'], row)
        sizes = [f'{r["width"]} x {r["height"]}' for r in (row, other)]
        if sizes[0] != sizes[1]:
            faults.append(f'{row["image_id"]}: scored at {sizes[0]} and at {sizes[1]} pixels')
    if faults:
        raise InputError(
            'the two sets cannot be compared; score both against the same truth', faults
        )
