"""The confusion matrix of an evaluation, and the intervals of the scores that follow from it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

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
_DRAWS = 10_000


@dataclass(frozen=True)
class Confusion:
    """The confusion matrix of K classes in `metrics.json`."""

    classes: tuple[str, ...]
    counts: NDArray[np.int64]  # (K, K) images, rows are the true and columns the predicted classes
    undetected: NDArray[np.int64]  # (K,) images of each true class without a detection
    positive: str | None  # the positive class

    @classmethod
    def of(cls, report: Mapping[str, Any]) -> 'Confusion | None':
        """Return the matrix of a `metrics.json`, None if it has none."""
        matrix = report.get('confusion_matrix')
        if matrix is None:
            return None
        classes = tuple(matrix['classes'])
        known = DEFAULT_POSITIVE if DEFAULT_POSITIVE in classes else None
        undetected = np.array(matrix.get('no_detection') or [0] * len(classes))
        return cls(classes, np.array(matrix['counts']), undetected, matrix.get('positive', known))

    @property
    def images(self) -> NDArray[np.int64]:
        """Number of images of each true class, (K,)."""
        images: NDArray[np.int64] = self.counts.sum(axis=1) + self.undetected
        return images

    @property
    def columns(self) -> dict[str, NDArray[np.int64]]:
        """Counts by predicted class, (K,) each; with `no detection` if there are any."""
        columns = dict(zip(self.classes, self.counts.T, strict=True))
        return columns | ({'no detection': self.undetected} if self.undetected.any() else {})

    def positive_intervals(self) -> dict[str, Interval]:
        """Return 95 % bootstrap intervals of precision, recall and F1 of the positive class.

        Drawing images with replacement is drawing counts from a multinomial distribution. A draw
        in which a score is undefined is not used for this score.

        Returns:
            Low and high end in [0, 1] by metric (`melanoma/f1`), of the scores that are defined
            in at least 95 % of the draws; empty without a positive class.
        """
        if self.positive is None:
            return {}
        index, total = self.classes.index(self.positive), self.images.sum()
        tp = self.counts[index, index]
        fp, fn = self.counts[:, index].sum() - tp, self.images[index] - tp
        shares = np.array([total - tp - fp - fn, fp, fn, tp]) / max(total, 1)
        _, fp, fn, tp = np.random.default_rng(0).multinomial(total, shares, _DRAWS).T
        intervals = {}
        for name, above, below in (
            ('precision', tp, tp + fp),
            ('recall', tp, tp + fn),
            ('f1', 2 * tp, 2 * tp + fp + fn),
        ):
            known = above[below > 0] / below[below > 0]
            if len(known) >= 0.95 * _DRAWS:
                low, high = np.quantile(known, (0.025, 0.975))
                intervals[f'{self.positive}/{name}'] = float(low), float(high)
        return intervals
