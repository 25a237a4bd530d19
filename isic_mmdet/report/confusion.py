"""How often which class was taken for which."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from isic_mmdet.errors import InputError
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


def confusion_plot(metrics: str | Path, out: str | Path) -> 'Figure':
    """Draw the confusion matrix of an evaluation: counts, shares of each true class, and scores.

    Args:
        metrics: the `metrics.json` of an evaluation on two-class data.
        out: PNG to write.

    Returns:
        The figure that was written.

    Raises:
        InputError: if the file is missing or damaged, or holds no confusion matrix.
    """
    (report,) = read_reports([metrics])
    if 'confusion_matrix' not in report:
        raise InputError(f'{metrics}: holds no confusion matrix; were the data of two classes?')
    classes = report['confusion_matrix']['classes']
    counts = np.array(report['confusion_matrix']['counts'])
    # A class without images has no shares.
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)

    figure = new_figure(5.6, 5)
    axes = figure.add_subplot()
    axes.imshow(shares, cmap='Blues', vmin=0, vmax=1)
    for (row, column), count in np.ndenumerate(counts):
        share = shares[row, column]
        axes.text(
            column,
            row,
            f'{count}\n{share:.1%} of row',
            ha='center',
            va='center',
            fontsize=15,
            color='white' if share > 0.5 else 'black',
        )
    axes.set_xticks(range(len(classes)), classes)
    axes.set_yticks(
        range(len(classes)),
        [f'{name}\n({total})' for name, total in zip(classes, counts.sum(axis=1), strict=True)],
    )
    axes.set_xlabel('predicted class (of the highest-scoring detection)')
    axes.set_ylabel('true class (number of images)')
    figure.suptitle(_scores(report['metrics']), fontsize=10)
    save_figure(figure, out)
    return figure


def melanoma_intervals(
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


def _scores(metrics: dict[str, float | None]) -> str:
    """Return the scores of the melanoma class on two lines; what is undefined is a dash."""
    words = []
    for key, name in SCORES.items():
        value = metrics.get(f'melanoma/{key}')
        words.append(f'{name} –' if value is None else f'{name} {value:.3f}')
    return f'melanoma: {", ".join(words[:3])}\n{", ".join(words[3:])}'
