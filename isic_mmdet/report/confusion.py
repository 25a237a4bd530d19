"""How often which class was taken for which."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from isic_mmdet.errors import InputError
from isic_mmdet.evaluation.classification import DEFAULT_POSITIVE
from isic_mmdet.report.figures import new_figure, save_figure
from isic_mmdet.report.results_table import read_reports

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Interval = tuple[float, float]
SCORES = {
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
    """The confusion matrix of K classes, as `metrics.json` holds it.

    Attributes:
        classes: K names.
        counts: (K, K) images, rows are the truth and columns the prediction.
        undetected: (K,) images of each true class without a detection.
        positive: the class that is told from all others, if any.
    """

    classes: tuple[str, ...]
    counts: NDArray[np.int64]
    undetected: NDArray[np.int64]
    positive: str | None

    @classmethod
    def of(cls, report: Mapping[str, Any]) -> 'Confusion | None':
        """Return that of a report that `read_reports` returned, None where it holds none."""
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
        """Counts by what images were taken for, (K,) each; `no detection` where there are any."""
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


def confusion_plot(metrics: str | Path, out: str | Path) -> 'Figure':
    """Draw the confusion matrix of an evaluation: counts, shares of each true class, and scores.

    Args:
        metrics: the `metrics.json` of an evaluation on data of several classes.
        out: PNG to write.

    Returns:
        The figure that was written.

    Raises:
        InputError: if the file is missing or damaged, or holds no confusion matrix.
    """
    (report,) = read_reports([metrics])
    confusion = Confusion.of(report)
    if confusion is None:
        raise InputError(f'{metrics}: holds no confusion matrix; were the data of several classes?')
    columns, images = confusion.columns, confusion.images
    counts = np.stack(list(columns.values()), axis=1)
    # A class without images has no shares.
    shares = counts / np.maximum(images, 1)[:, None]

    size = max(5.0, 1.1 * len(columns))
    figure = new_figure(size + 0.6, size)
    axes = figure.add_subplot()
    axes.imshow(shares, cmap='Blues', vmin=0, vmax=1)
    is_small = len(columns) <= 3
    for (row, column), count in np.ndenumerate(counts):
        share = shares[row, column]
        axes.text(
            column,
            row,
            f'{count}\n{share:.1%} of row' if is_small else f'{count}\n{share:.0%}',
            ha='center',
            va='center',
            fontsize=15 if len(columns) == 2 else 11,
            color='white' if share > 0.5 else 'black',
        )
    # Names are shown as they are: a dollar sign would begin a formula.
    axes.set_xticks(range(len(columns)), list(columns), parse_math=False)
    if not is_small:
        for label in axes.get_xticklabels():
            label.set(rotation=40, ha='right', rotation_mode='anchor')
    axes.set_yticks(
        range(len(images)),
        [f'{name}\n({total})' for name, total in zip(confusion.classes, images, strict=True)],
        parse_math=False,
    )
    axes.set_xlabel('predicted class (of the highest-scoring detection)')
    axes.set_ylabel('true class (number of images)')
    title = _scores(report['metrics'], confusion)
    figure.suptitle(title, fontsize=10, parse_math=False)
    save_figure(figure, out)
    return figure


def positive_intervals(
    counts: ArrayLike, draws: int = 10_000, seed: int = 0
) -> dict[str, Interval]:
    """Return 95 % percentile bootstrap intervals of what a confusion matrix tells of a class.

    Drawing images with replacement is drawing counts from a multinomial distribution. A draw in
    which a score is not defined does not count for it.

    Args:
        counts: (2, 2), images as [[tn, fp], [fn, tp]].
        draws: of the bootstrap.
        seed: of the draws.

    Returns:
        Low and high end of `precision`, `recall` and `f1`, in [0, 1]; those that can be computed
        in fewer than 95 % of the draws are left out.
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


def _scores(metrics: dict[str, float | None], confusion: Confusion) -> str:
    """Return the scores of the classes in up to three lines; what is undefined is a dash."""
    lines = []
    if len(confusion.classes) > 2:
        words = [f'{name} {_number(metrics.get(key))}' for key, name in CLASS_SCORES.items()]
        lines.append(f'{len(confusion.classes)} classes: {", ".join(words)}')
    if confusion.positive is not None:
        values = [metrics.get(f'{confusion.positive}/{key}') for key in SCORES]
        words = [
            f'{name} {_number(value)}' for name, value in zip(SCORES.values(), values, strict=True)
        ]
        lines += [f'{confusion.positive}: {", ".join(words[:3])}', ', '.join(words[3:])]
    return '\n'.join(lines)


def _number(value: float | None) -> str:
    return '–' if value is None else f'{value:.3f}'
