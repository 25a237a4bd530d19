"""The matplotlib figures of a run. The plot hooks write them as PNG, the HTML report as SVG.

The colors are those of Okabe and Ito (2008). matplotlib is imported only when a figure is drawn,
and without pyplot, so that there is neither a window system nor global state.
"""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from isic_mmdet.evaluation.calibration import binned
from isic_mmdet.evaluation.scores import JACCARD_THRESHOLD
from isic_mmdet.report.confusion import CLASS_SCORES, POSITIVE_SCORES, Confusion
from isic_mmdet.report.run_files import LOSS_PREFIXES, RULES, summary, time_unit
from isic_mmdet.utils.files import write_atomically

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Record = Mapping[str, Any]
Values = NDArray[np.float64]

DOTS_PER_INCH = 150
SIZE = (5.4, 3.9)  # inches, of a figure with one panel; its text is readable on a phone

BLACK, WHITE = '#000000', '#ffffff'
BLUE, SKY, ORANGE, VERMILION = '#0072b2', '#56b4e9', '#e69f00', '#d55e00'
GREEN, PINK = '#009e73', '#cc79a7'

RULE_COLORS = {'iou': BLUE, 'iou_max': ORANGE}
LOSSES = {
    'loss': ('total', BLACK),
    'loss_rpn_cls': ('RPN class', SKY),
    'loss_rpn_bbox': ('RPN box', BLUE),
    'loss_cls': ('class', ORANGE),
    'loss_bbox': ('box', VERMILION),
    'loss_mask': ('mask', GREEN),
}
SCORES = {
    'lesion/iou': ('IoU, highest score', BLUE, '-'),
    'lesion/iou_max': ('IoU, best detection', ORANGE, '--'),
    'lesion/iou_thr65': ('thresholded Jaccard', GREEN, ':'),
}
_THRESHOLD_LINE: dict[str, Any] = dict(color=VERMILION, linewidth=1.2, linestyle='--', zorder=1)
# Twentieths as quotients, so that 0.65 is exactly the border of a bin.
IOU_BINS = np.arange(21) / 20


def new_figure(width: float, height: float) -> 'Figure':
    """Return an empty figure of this size in inches, with automatic layout."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), dpi=DOTS_PER_INCH, layout='constrained')


def save_figure(figure: 'Figure', path: str | Path) -> None:
    """Write a figure as PNG, atomically."""
    png = io.BytesIO()
    figure.savefig(png, format='png')
    write_atomically(path, png.getvalue())


def iou_box_figure(columns: Mapping[str, Values]) -> 'Figure':
    """Draw the distribution of the IoU over images, for both selection rules.

    Boxes span Q1 to Q3, with the median as a line and the mean as a diamond; whiskers reach the
    last image within 1.5 box lengths. Every image is one point at a fixed random offset.

    Args:
        columns: `iou`, `iou_max` and `detections` per image, (N,) each.
    """
    figure = new_figure(*SIZE)
    axes = figure.add_subplot()
    for position, rule in enumerate(RULES):
        _box(axes, position, columns[rule], RULE_COLORS[rule])
    axes.axhline(JACCARD_THRESHOLD, **_THRESHOLD_LINE)
    axes.text(
        len(RULES) - 0.32,
        JACCARD_THRESHOLD - 0.015,
        f'{JACCARD_THRESHOLD}, threshold\nof the challenge',
        color=VERMILION,
        ha='right',
        va='top',
        fontsize=9,
    )
    axes.set_xticks(range(len(RULES)), [f'{rule}\n{name}' for rule, name in RULES.items()])
    axes.set_xlim(-0.45, len(RULES) - 0.3)
    axes.set_ylim(-0.02, 1.02)
    axes.set_ylabel('IoU (Jaccard index) per image')
    images, missed = len(columns['iou']), int((columns['detections'] == 0).sum())
    axes.set_title(f'{images} images, {missed} without a detection (IoU 0)', fontsize=10)
    axes.grid(axis='y', alpha=0.3)
    return figure


def iou_histogram_figure(values: Values) -> 'Figure':
    """Draw how many images have which IoU, (N,) values; bars below the threshold differ."""
    counts, _ = np.histogram(values, IOU_BINS)
    figure = new_figure(*SIZE)
    axes = figure.add_subplot()
    colors = np.where(IOU_BINS[:-1] < JACCARD_THRESHOLD, VERMILION, BLUE)
    axes.bar(IOU_BINS[:-1], counts, np.diff(IOU_BINS), align='edge', color=colors, edgecolor=WHITE)
    axes.axvline(JACCARD_THRESHOLD, **_THRESHOLD_LINE)
    axes.set(xlim=(0, 1), xlabel='IoU (Jaccard index) per image', ylabel='images')
    axes.locator_params(axis='y', integer=True)
    axes.grid(axis='y', alpha=0.3)
    axes.set_axisbelow(True)
    return figure


def score_figure(scores: Values, overlaps: Values) -> 'Figure':
    """Draw the IoU against the score of every image with a detection, (N,) each.

    The points are a collection with the gid `points`, in the given order.
    """
    figure = new_figure(*SIZE)
    axes = figure.add_subplot()
    points = axes.scatter(scores, overlaps, s=16, color=BLUE, alpha=0.5, linewidths=0)
    points.set_gid('points')
    groups = binned(scores, overlaps)
    axes.plot(
        [group['mean_score'] for group in groups],
        [group['mean_iou'] for group in groups],
        color=VERMILION,
        marker='o',
        label='means of up to ten groups of equal size',
    )
    axes.axhline(JACCARD_THRESHOLD, **_THRESHOLD_LINE)
    # Most scores are near 1: an axis from 0 would squeeze them together.
    low = min(0.9, np.floor(10 * np.min(scores, initial=1)) / 10)
    axes.set(xlim=(low, 1.005), ylim=(-0.02, 1.02), xlabel='score of the detection', ylabel='IoU')
    axes.legend(fontsize=9)
    axes.grid(alpha=0.3)
    return figure


def confusion_figure(confusion: Confusion, metrics: Mapping[str, float | None]) -> 'Figure':
    """Draw a confusion matrix: counts, shares of each true class, and class scores.

    Args:
        confusion: of K classes.
        metrics: those of `metrics.json`.
    """
    columns, images = confusion.columns, confusion.images
    counts = np.stack(list(columns.values()), axis=1)
    shares = counts / np.maximum(images, 1)[:, None]  # 0 for a class without images
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
            color=WHITE if share > 0.5 else BLACK,
        )
    # Without parse_math=False, a dollar sign in a class name would start a formula.
    axes.set_xticks(range(len(columns)), list(columns), parse_math=False)
    if not is_small:
        for label in axes.get_xticklabels():
            label.set(rotation=40, ha='right', rotation_mode='anchor')
    names = [f'{name}\n({n})' for name, n in zip(confusion.classes, images, strict=True)]
    axes.set_yticks(range(len(images)), names, parse_math=False)
    axes.set_xlabel('predicted class (of the highest-scoring detection)')
    axes.set_ylabel('true class (number of images)')
    figure.suptitle(_class_scores(confusion, metrics), fontsize=10, parse_math=False)
    return figure


def training_figure(records: Sequence[Record], with_losses: bool = True) -> 'Figure | None':
    """Draw the losses and the validation scores of a training.

    Args:
        records: of one `scalars.json`, see `run_files.continued`.
        with_losses: draw the panel of the losses too.

    Returns:
        None if the log has nothing to draw.
    """
    training = [record for record in records if with_losses and 'loss' in record]
    validation = [record for record in records if any(name in record for name in SCORES)]
    panels = bool(training) + bool(validation)
    if not panels:
        return None
    # Losses are logged by iteration, the scores of an epoch-based training by epoch.
    unit, length = time_unit(records)
    figure = new_figure(9, 4) if with_losses else new_figure(*SIZE)
    all_axes = iter(figure.subplots(1, panels, squeeze=False, sharex=True)[0])
    if training:
        axes = next(all_axes)
        for key, (name, color) in LOSSES.items():
            _line(axes, training, key, length, label=name, color=color, marker='.', markersize=3)
        axes.set(title='training losses', ylabel='loss')
        axes.set_ylim(bottom=0)
    if validation:
        axes = next(all_axes)
        for key, (name, color, dashes) in SCORES.items():
            style = dict(label=name, color=color, linestyle=dashes, marker='o', markersize=4)
            _line(axes, validation, key, 1, **style)
        axes.set_ylabel('mean over images')
        axes.set_title(_best(validation, unit), fontsize=10)
    for axes in figure.axes:
        axes.set_xlabel(unit)
        axes.locator_params(axis='x', integer=True)
        axes.grid(alpha=0.3)
        axes.legend(fontsize=9)
    axes.set_xlim(left=0)  # the panels share it
    return figure


def loss_figure(records: Sequence[Record], names: Sequence[str] = tuple(LOSSES)) -> 'Figure | None':
    """Draw losses, one panel each: of the training, and of held-out images if logged.

    A strong line joins the means over each epoch, each at the mean time of its values. A light
    line shows the single values where an epoch has several; a few spikes may leave the panel.

    Args:
        records: of one `scalars.json`. Losses of held-out images are `val/loss`, `val/loss_mask`
            and so on (or `test/...`), with the training iterations done so far as `step`.
        names: keys of `LOSSES`; several fill a grid of three columns.

    Returns:
        None if none of these losses was logged.
    """
    curves = {name: _loss_curves(records, name) for name in names}
    if not any(curves.values()):
        return None
    unit, _ = time_unit(records)
    columns = min(3, len(names))
    rows = -(-len(names) // columns)
    figure = new_figure(10, 3 * rows) if columns > 1 else new_figure(*SIZE)
    panels = figure.subplots(rows, columns, sharex=True, squeeze=False)
    for axes, name in zip(panels.flat, names, strict=True):
        title, color = LOSSES[name]
        if columns > 1:
            axes.set_title(f'{title} loss')
        tops = []
        for prefix, values in curves[name].items():
            style = dict(color=PINK, marker='s') if prefix else dict(color=color, marker='o')
            tops.append(_loss_curve(axes, values, label=LOSS_PREFIXES[prefix], **style))
        axes.grid(alpha=0.3)
        if tops:
            axes.set_ylim(0, 1.05 * max(*tops, 1e-9))
            axes.legend(fontsize=9)
        else:
            axes.text(0.5, 0.5, 'not logged', transform=axes.transAxes, ha='center')
    for axes in panels[:, 0]:
        axes.set_ylabel('loss')
    for axes in panels[-1]:
        axes.set_xlabel(unit)
    panels[0, 0].locator_params(axis='x', integer=True)  # shared by all panels
    panels[0, 0].set_xlim(left=0)
    if unit == 'epoch':
        figure.suptitle('strong lines: means of an epoch; light lines: single values', fontsize=9)
    return figure


def epoch_means(values: Values) -> Values:
    """Return the mean (time, value) of every epoch, (M, 2), in the order of time.

    Args:
        values: (N, 2), times in epochs and values. Epoch 3 is 2 < time <= 3.
    """
    # The length of an epoch is a quotient: rounding may put the last time just above its epoch.
    epochs = np.ceil(values[:, 0] - 1e-6)
    return np.array([values[epochs == epoch].mean(axis=0) for epoch in np.unique(epochs)])


def _box(axes: 'Axes', position: int, values: Values, color: str) -> None:
    """Draw points, box and numbers of one rule around an x position."""
    offsets = np.random.default_rng(0).uniform(-0.3, -0.12, len(values))
    axes.scatter(position + offsets, values, s=9, color=color, alpha=0.45, linewidths=0)
    line = {'color': color, 'linewidth': 1.8}
    axes.boxplot(
        values,
        positions=[position],
        widths=0.18,
        showfliers=False,
        showmeans=True,
        manage_ticks=False,
        medianprops={'color': BLACK, 'linewidth': 2},
        boxprops=line,
        whiskerprops=line,
        capprops=line,
        meanprops={'marker': 'D', 'markerfacecolor': WHITE, 'markeredgecolor': BLACK},
    )
    numbers = summary(values)
    marks = {'Q3': 'Q3', 'median': 'median', 'Q1': 'Q1', 'mean': '◇ mean'}
    axes.text(
        position + 0.14,
        np.clip(numbers['median'], 0.15, 0.85),
        '\n'.join(f'{mark} {numbers[name]:.3f}' for name, mark in marks.items()),
        va='center',
        fontsize=9,
    )


def _class_scores(confusion: Confusion, metrics: Mapping[str, float | None]) -> str:
    """Return the scores of the classes in up to three lines, with a dash for undefined ones."""

    def words(names: Mapping[str, str]) -> list[str]:
        values = ((name, metrics.get(key)) for key, name in names.items())
        return [f'{name} –' if value is None else f'{name} {value:.3f}' for name, value in values]

    lines = []
    if len(confusion.classes) > 2:
        lines.append(f'{len(confusion.classes)} classes: {", ".join(words(CLASS_SCORES))}')
    if confusion.positive is not None:
        names = {f'{confusion.positive}/{key}': name for key, name in POSITIVE_SCORES.items()}
        of_positive = words(names)
        lines += [f'{confusion.positive}: {", ".join(of_positive[:3])}', ', '.join(of_positive[3:])]
    return '\n'.join(lines)


def _line(axes: 'Axes', records: Sequence[Record], key: str, length: float, **style: Any) -> None:
    """Draw a value over time, in units of `length` steps, if the records hold it."""
    points = [(record['step'] / length, record[key]) for record in records if key in record]
    if points:
        axes.plot(*zip(*points, strict=True), **style)


def _best(validation: Sequence[Record], unit: str) -> str:
    """Return a title with the highest IoU, which is that of the best checkpoint."""
    rated = [record for record in validation if 'lesion/iou' in record]
    if not rated:
        return 'validation scores'
    best = max(rated, key=lambda record: record['lesion/iou'])
    return f'validation scores (best IoU {best["lesion/iou"]:.3f}, {unit} {best["step"]})'


def _loss_curves(records: Sequence[Record], name: str) -> dict[str, Values]:
    """Return (time, loss), (N, 2), by the prefix of the images."""
    _, length = time_unit(records)
    curves = {}
    for prefix in LOSS_PREFIXES:
        key = f'{prefix}{name}'
        points = [(record['step'] / length, record[key]) for record in records if key in record]
        if points:
            curves[prefix] = np.array(points, np.float64)
    return curves


def _loss_curve(axes: 'Axes', values: Values, **style: Any) -> float:
    """Draw the curve of one loss; return the height that the panel has to show."""
    means = epoch_means(values)
    heights = means[:, 1]
    if len(values) > len(means):
        axes.plot(*values.T, color=style['color'], linewidth=0.7, alpha=0.3)
        finite = values[np.isfinite(values[:, 1]), 1]
        heights = np.append(heights, np.quantile(finite, 0.99) if len(finite) else 0)
    axes.plot(
        *means.T,
        linewidth=1.8,
        markersize=4,
        markeredgecolor=WHITE,
        markeredgewidth=0.5,
        markevery=max(1, len(means) // 30),
        zorder=3,
        **style,
    )
    return float(np.max(heights, where=np.isfinite(heights), initial=0.0))
