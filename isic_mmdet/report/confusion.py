"""The confusion matrix of an evaluation, and the intervals of the scores that follow from it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from isic_mmdet.evaluation.classification import DEFAULT_POSITIVE

Interval = tuple[float, float]
POSITIVE_SCORES = {
    'precision': 'precision',
    'recall': 'recall',
    'f1': 'F1',
    'average_precision': 'average precision',
    'auc': 'AUC',
    'precision_at_recall76': 'precision at a recall of 0.76:',
}
CLASS_SCORES = {
    'classes/accuracy': 'accuracy',
    'classes/balanced_accuracy': 'balanced accuracy',
    'classes/macro_auc': 'macro AUC',
}


@dataclass(frozen=True)
class Confusion:
    """The confusion matrix of K classes in `metrics.json`.

    Attributes:
        classes: K names.
        counts: (K, K) images, rows are the true and columns the predicted classes.
        undetected: (K,) images of each true class without a detection.
        positive: the positive class, if any.
    """

    classes: tuple[str, ...]
    counts: NDArray[np.int64]
    undetected: NDArray[np.int64]
    positive: str | None

    @classmethod
    def of(cls, report: Mapping[str, Any]) -> 'Confusion | None':
        """Return the matrix of a report from `read_reports`, None if it has none."""
        matrix = report.get('confusion_matrix')
        if matrix is None:
            return None
        classes = tuple(matrix['classes'])
        known = DEFAULT_POSITIVE if DEFAULT_POSITIVE in classes else None
        return cls(
            classes,
            np.array(matrix['counts']),
            np.array(matrix.get('no_detection') or [0] * len(classes)),
            matrix.get('positive', known),
        )

    @property
    def images(self) -> NDArray[np.int64]:
        """Number of images of each true class, (K,)."""
        return self.counts.sum(axis=1) + self.undetected

    @property
    def columns(self) -> dict[str, NDArray[np.int64]]:
        """Counts by predicted class, (K,) each; with `no detection` if there are any."""
        columns = dict(zip(self.classes, self.counts.T, strict=True))
        return columns | ({'no detection': self.undetected} if self.undetected.any() else {})

    def of_positive(self) -> NDArray[np.int64] | None:
        """Return (2, 2) images as [[tn, fp], [fn, tp]] of the positive class, None without one."""
        if self.positive is None:
            return None
        index = self.classes.index(self.positive)
        tp, called = self.counts[index, index], self.counts[:, index].sum()
        fp, fn = called - tp, self.images[index] - tp
        return np.array([[self.images.sum() - tp - fp - fn, fp], [fn, tp]])


def positive_intervals(
    counts: ArrayLike, draws: int = 10_000, seed: int = 0
) -> dict[str, Interval]:
    """Return 95 % percentile bootstrap intervals of the scores of the positive class.

    Drawing images with replacement is drawing counts from a multinomial distribution. A draw in
    which a score is undefined is not used for this score.

    Args:
        counts: (2, 2), images as [[tn, fp], [fn, tp]].
        draws: of the bootstrap.
        seed: of the draws.

    Returns:
        Low and high end of `precision`, `recall` and `f1`, in [0, 1]; scores that are defined in
        fewer than 95 % of the draws are skipped.
    """
    matrix = np.asarray(counts)
    total = int(matrix.sum())
    drawn = np.random.default_rng(seed).multinomial(total, matrix.ravel() / total, draws)
    _, fp, fn, tp = drawn.T
    scores = {'precision': (tp, tp + fp), 'recall': (tp, tp + fn), 'f1': (2 * tp, 2 * tp + fp + fn)}
    intervals = {}
    for name, (above, below) in scores.items():
        known = above[below > 0] / below[below > 0]
        if len(known) >= 0.95 * draws:
            low, high = np.quantile(known, (0.025, 0.975))
            intervals[name] = float(low), float(high)
    return intervals
