"""Scores of a predicted lesion mask against the official one, as the ISIC challenge defines them.

The rules are those of the official scorer (isic-challenge-scoring 5.6.0): a ratio whose denominator
is empty counts as perfect. tp, fp, fn and tn count pixels; lesion is the positive class.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from isic_mmdet.masks.bit_mask import BitMask, count_bits

#: The agreement of human experts (Codella et al. 2019, arXiv 1902.03368).
JACCARD_THRESHOLD = 0.65
#: Quantiles between which a central interval of 95 % lies.
INTERVAL_ENDS = ((1 - 0.95) / 2, (1 + 0.95) / 2)

# The bootstrap draws its indices in blocks of about this many numbers (1.6 MB), so that the drawn
# values are averaged while they are in the cache.
_BLOCK = 200_000


class Confusion(NamedTuple):
    """Pixel counts of one prediction against one truth."""

    tp: int
    fp: int
    fn: int
    tn: int


def confusion(truth: BitMask, prediction: BitMask) -> Confusion:
    """Count the pixels on which truth and prediction, of equal size, agree and differ."""
    if truth.shape != prediction.shape:
        raise ValueError(f'truth is {truth.shape}, prediction is {prediction.shape}')
    tp = count_bits(truth.bits & prediction.bits)
    fp, fn = prediction.area() - tp, truth.area() - tp
    return Confusion(tp, fp, fn, truth.size - tp - fp - fn)


def jaccard(c: Confusion) -> float:
    """Return the Jaccard index (intersection over union) in [0, 1]; 1 if both masks are empty."""
    return _ratio(c.tp, c.tp + c.fp + c.fn)


def dice(c: Confusion) -> float:
    """Return the Dice coefficient in [0, 1]; 1 if both masks are empty."""
    return _ratio(2 * c.tp, 2 * c.tp + c.fp + c.fn)


def threshold_jaccard(jaccard_index: float) -> float:
    """Return the Jaccard index, or 0 if it is below `JACCARD_THRESHOLD`."""
    return jaccard_index if jaccard_index >= JACCARD_THRESHOLD else 0.0


def mask_scores(c: Confusion) -> dict[str, float]:
    """Return the scores of one image in [0, 1] under the names of `per_image.csv`.

    Sensitivity is 1 if the truth is empty, specificity is 1 if the truth fills the image.
    """
    return {
        'iou': jaccard(c),
        'dice': dice(c),
        'pixel_accuracy': _ratio(c.tp + c.tn, sum(c)),
        'sensitivity': _ratio(c.tp, c.tp + c.fn),
        'specificity': _ratio(c.tn, c.tn + c.fp),
    }


def bootstrap_interval(values: ArrayLike) -> tuple[float, float]:
    """Return the 95 % percentile bootstrap interval of the mean (Efron 1979) of (N,) values."""
    low, high = np.quantile(bootstrap_means(values), INTERVAL_ENDS)
    return float(low), float(high)


def bootstrap_means(
    values: ArrayLike, resamples: int = 10_000, seed: int = 0
) -> NDArray[np.float64]:
    """Return the means of values drawn with replacement.

    Args:
        values: (N,) float, one value per image, or (N, M), whose columns use the same draws; gives
            (resamples,) or (resamples, M).
        resamples: number of draws of N images.
        seed: of the random generator; the draws depend only on it and on N.
    """
    data = np.asarray(values, dtype=np.float64)
    if data.size == 0:
        raise ValueError('no values to resample')
    columns = np.ascontiguousarray(data.reshape(len(data), -1).T)
    rng = np.random.default_rng(seed)
    means = np.empty((len(columns), resamples))
    block = max(1, _BLOCK // len(data))
    for start in range(0, resamples, block):
        stop = min(start + block, resamples)
        draws = rng.integers(0, len(data), (stop - start, len(data)))
        for column, row in zip(columns, means, strict=True):
            row[start:stop] = column.take(draws).mean(axis=1)
    return means.T.reshape(resamples, *data.shape[1:])


def _ratio(part: int, total: int) -> float:
    return part / total if total else 1.0
