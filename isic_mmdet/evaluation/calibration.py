"""Whether a high score means a good mask."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray


def calibration(rows: Sequence[Mapping[str, Any]], bins: int = 10) -> dict[str, Any]:
    """Hold the detector's score against the IoU of its mask.

    Args:
        rows: one an image, with `iou` and `score` in [0, 1]; `score` is None without a detection.
        bins: number of bins, see `binned`.

    Returns:
        `images` with a score, `rank_correlation` of score and IoU (Spearman's, with mean ranks for
        ties; NaN if all scores or all IoUs are equal), `error`, by how much the score is off from
        the IoU (mean over images of the distance of the two means of their bin, as the expected
        calibration error of Guo et al. 2017, arXiv 1706.04599; NaN without images), and the `bins`.
    """
    scored = [row for row in rows if row['score'] is not None]
    score = np.array([row['score'] for row in scored], dtype=np.float64)
    iou = np.array([row['iou'] for row in scored], dtype=np.float64)
    found = binned(score, iou, bins)
    off = [row['images'] * abs(row['mean_score'] - row['mean_iou']) for row in found]
    return {
        'images': len(scored),
        'rank_correlation': rank_correlation(score, iou),
        'error': sum(off) / len(scored) if scored else math.nan,
        'bins': found,
    }


def binned(score: ArrayLike, iou: ArrayLike, bins: int = 10) -> list[dict[str, float]]:
    """Return mean score and mean IoU of bins that hold about as many images each.

    Scores crowd near 1, where bins of equal width would put nearly all images into one.

    Args:
        score: (N,) float.
        iou: (N,) float.
        bins: at most so many; images of equal score share a bin, so there may be fewer.

    Returns:
        From the lowest scores to the highest: `score_low`, `score_high` (the lowest and highest
        in the bin), `images`, `mean_score` and `mean_iou`.
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
    """Return Spearman's rank correlation in [-1, 1], NaN if the ranks of one do not differ."""
    first, second = _ranks(x), _ranks(y)
    if not first.size or np.ptp(first) == 0 or np.ptp(second) == 0:
        return math.nan
    return float(np.corrcoef(first, second)[0, 1])


def _ranks(values: ArrayLike) -> NDArray[np.float64]:
    """Return ranks from 1, equal values sharing the mean of theirs."""
    _, index, counts = np.unique(np.asarray(values), return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return (last - (counts - 1) / 2)[index]
