"""Whether a high score means a good mask."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from isic_mmdet.evaluation.per_image import Row


def calibration(rows: Sequence[Row], bins: int = 10) -> dict[str, Any]:
    """Compare the detector's score with the IoU of its mask, see `binned`.

    Returns:
        `images` with a score, `rank_correlation` of score and IoU, `error` and the `bins`. The
        error is the mean over images of the distance between mean score and mean IoU of their bin
        (as the expected calibration error of Guo et al. 2017, arXiv 1706.04599), NaN without
        images.
    """
    scored = [row for row in rows if row['score'] is not None]
    score = np.array([row['score'] for row in scored], dtype=np.float64)
    iou = np.array([row['iou'] for row in scored], dtype=np.float64)
    found = binned(score, iou, bins)
    errors = [row['images'] * abs(row['mean_score'] - row['mean_iou']) for row in found]
    return {
        'images': len(scored),
        'rank_correlation': rank_correlation(score, iou),
        'error': sum(errors) / len(scored) if scored else math.nan,
        'bins': found,
    }


def binned(score: ArrayLike, iou: ArrayLike, bins: int = 10) -> list[dict[str, float]]:
    """Return mean score and mean IoU of bins with about equal numbers of images, scores rising.

    Most scores are near 1, so bins of equal width would put nearly all images into one. Images of
    equal score share a bin, so there may be fewer than `bins`.
    """
    scores, ious = np.asarray(score, dtype=np.float64), np.asarray(iou, dtype=np.float64)
    if not scores.size:
        return []
    edges = np.quantile(scores, np.arange(1, bins) / bins, method='inverted_cdf')
    bin_of = np.searchsorted(edges, scores, side='left')
    return [
        {
            'score_low': float(scores[chosen].min()),
            'score_high': float(scores[chosen].max()),
            'images': int(chosen.sum()),
            'mean_score': float(scores[chosen].mean()),
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
