"""Whether a high score, or a high expected IoU, means a good mask."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from isic_mmdet.evaluation.per_image import Row
from isic_mmdet.evaluation.scores import JACCARD_THRESHOLD

#: What rates the masks of images.
RATINGS = ('score', 'expected_iou')


def calibration(rows: Sequence[Row], bins: int = 10) -> dict[str, Any]:
    """Compare the ratings of masks with their IoU.

    A failure is a mask with an IoU below `JACCARD_THRESHOLD`.

    Returns:
        The numbers of `images` and `failures`. For each of `RATINGS` that is known, see `_rated`.
        With `check`, the number of `images` that a person should check, and of the `failures`
        among them. Empty without any rating.
    """
    known = [name for name in RATINGS if any(row.get(name) is not None for row in rows)]
    if not known:
        return {}
    failed = _failed(rows)
    content: dict[str, Any] = {'images': len(rows), 'failures': sum(failed)}
    content |= {name: _rated(rows, name, bins) for name in known}
    if any(row.get('check') is not None for row in rows):
        checked = [fail for row, fail in zip(rows, failed, strict=True) if row['check']]
        content['check'] = {'images': len(checked), 'failures': sum(checked)}
    return content


def failures_in_lowest_tenth(rows: Sequence[Row], name: str) -> float:
    """Return the share of failures in the tenth of images with the lowest rating `name`.

    An image without a rating has no detection, and comes first.
    """
    ratings = [-math.inf if row[name] is None else row[name] for row in rows]
    lowest = np.argsort(ratings, kind='stable')[: max(1, round(len(rows) / 10))]
    return float(np.array(_failed(rows))[lowest].mean())


def _failed(rows: Sequence[Row]) -> list[bool]:
    return [row['iou'] < JACCARD_THRESHOLD for row in rows]


def _rated(rows: Sequence[Row], name: str, bins: int) -> Mapping[str, Any]:
    """Compare one rating with the IoU, see `binned`.

    Returns:
        `images` with a rating, `rank_correlation` of rating and IoU, `error`, the `bins`, and
        `failures_in_lowest_tenth`. The error is the mean over images of the distance between mean
        rating and mean IoU of their bin (as the expected calibration error of Guo et al. 2017,
        arXiv 1706.04599).
    """
    rated = [row for row in rows if row[name] is not None]
    rating = np.array([row[name] for row in rated], dtype=np.float64)
    iou = np.array([row['iou'] for row in rated], dtype=np.float64)
    found = binned(rating, iou, bins)
    errors = [each['images'] * abs(each['mean'] - each['mean_iou']) for each in found]
    return {
        'images': len(rated),
        'rank_correlation': rank_correlation(rating, iou),
        'error': sum(errors) / len(rated),
        'failures_in_lowest_tenth': failures_in_lowest_tenth(rows, name),
        'bins': found,
    }


def binned(rating: ArrayLike, iou: ArrayLike, bins: int = 10) -> list[dict[str, float]]:
    """Return mean rating and mean IoU of bins with about equal numbers of images, ratings rising.

    Most scores are near 1, so bins of equal width would put nearly all images into one. Images of
    equal rating share a bin, so there may be fewer than `bins`.
    """
    ratings, ious = np.asarray(rating, dtype=np.float64), np.asarray(iou, dtype=np.float64)
    if not ratings.size:
        return []
    edges = np.quantile(ratings, np.arange(1, bins) / bins, method='inverted_cdf')
    bin_of = np.searchsorted(edges, ratings, side='left')
    return [
        {
            'low': float(ratings[chosen].min()),
            'high': float(ratings[chosen].max()),
            'images': int(chosen.sum()),
            'mean': float(ratings[chosen].mean()),
            'mean_iou': float(ious[chosen].mean()),
        }
        for chosen in (bin_of == index for index in np.unique(bin_of))
    ]


def rank_correlation(x: ArrayLike, y: ArrayLike) -> float:
    """Return Spearman's rank correlation in [-1, 1], NaN if all values of x or y are equal.

    Equal values share their mean rank.
    """
    first, second = _ranks(x), _ranks(y)
    if not first.size or np.ptp(first) == 0 or np.ptp(second) == 0:
        return math.nan
    return float(np.corrcoef(first, second)[0, 1])


def _ranks(values: ArrayLike) -> NDArray[np.float64]:
    _, index, counts = np.unique(np.asarray(values), return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return (last - (counts - 1) / 2)[index]
