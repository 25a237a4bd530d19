"""The matplotlib figures of a run. The plot hooks write them as PNG, the HTML report as SVG.

The colors are those of Okabe and Ito (2008). matplotlib is imported only when a figure is drawn,
and without pyplot, so that there is neither a window system nor global state.
"""

import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from isic_mmdet.evaluation.calibration import binned
from isic_mmdet.evaluation.per_image import Row
from isic_mmdet.evaluation.scores import JACCARD_THRESHOLD
from isic_mmdet.evaluation.summary import values_of
from isic_mmdet.masks.resize import QUARTER_AREA
from isic_mmdet.report.confusion import CLASS_SCORES, POSITIVE_SCORES, Confusion
from isic_mmdet.report.run_files import LOSS_PREFIXES, RULES, TrainingLog, Values, summary
from isic_mmdet.utils.files import write_atomically

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DOTS_PER_INCH = 150
SIZE = (5.4, 3.9)  # inches, of a figure with one panel; its text is readable on a phone

BLACK, WHITE = '#000000', '#ffffff'
BLUE, SKY, ORANGE, VERMILION = '#0072b2', '#56b4e9', '#e69f00', '#d55e00'
GREEN, PINK = '#009e73', '#cc79a7'

RULE_COLORS = {'iou': BLUE, 'iou_max': ORANGE}
# Title and color of the losses of Mask R-CNN.
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
BARS_PER_DECADE = 10  # of megapixels
MEGAPIXELS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50)


def new_figure(width: float, height: float) -> 'Figure':
    """Return an empty figure of this size in inches, with automatic layout."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), dpi=DOTS_PER_INCH, layout='constrained')


def save_figure(figure: 'Figure', path: Path) -> Path:
    """Write a figure as PNG, atomically; return the path."""
    png = io.BytesIO()
    figure.savefig(png, format='png')
    write_atomically(path, png.getvalue())
    return path


def iou_box_figure(rows: Sequence[Row]) -> 'Figure':
    """Draw the distribution of the IoU over images, for both selection rules.

    Boxes span Q1 to Q3, with the median as a line and the mean as a diamond; whiskers reach the
    last image within 1.5 box lengths. Every image is one point at a fixed random offset.
    """
    figure = new_figure(*SIZE)
    axes = figure.add_subplot()
    for position, (rule, color) in enumerate(RULE_COLORS.items()):
        _box(axes, position, values_of(rows, rule), color)
    axes.axhline(JACCARD_THRESHOLD, **_THRESHOLD_LINE)
    place = len(RULES) - 0.32, JACCARD_THRESHOLD - 0.015
    words = f'{JACCARD_THRESHOLD}, threshold\nof the challenge'
    axes.text(*place, words, color=VERMILION, ha='right', va='top', fontsize=9)
    axes.set_xticks(range(len(RULES)), [f'{rule}\n{name}' for rule, name in RULES.items()])
    axes.set(xlim=(-0.45, len(RULES) - 0.3), ylim=(-0.02, 1.02))
    axes.set_ylabel('IoU (Jaccard index) per image')
    missed = sum(row['detections'] == 0 for row in rows)
    axes.set_title(f'{len(rows)} images, {missed} without a detection (IoU 0)', fontsize=10)
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


def rating_figure(ratings: Values, overlaps: Values, name: str) -> 'Figure':
    """Draw the IoU against a rating of every image, (N,) each; the axis has the rating's name.

    The points are a collection with the gid `points`, in the given order.
    """
    figure = new_figure(*SIZE)
    axes = figure.add_subplot()
    points = axes.scatter(ratings, overlaps, s=16, color=BLUE, alpha=0.5, linewidths=0)
    points.set_gid('points')
    groups = binned(ratings, overlaps)
    means = [[group[key] for group in groups] for key in ('mean', 'mean_iou')]
    label = 'means of up to ten groups of equal size'
    axes.plot(*means, color=VERMILION, marker='o', label=label)
    axes.axhline(JACCARD_THRESHOLD, **_THRESHOLD_LINE)
    axes.plot([0, 1], [0, 1], color=BLACK, linewidth=0.8, linestyle=':', label='equal')
    # Most scores are near 1: an axis from 0 would squeeze them together.
    low = min(0.9, np.floor(10 * np.min(ratings, initial=1)) / 10)
    axes.set(xlim=(low, 1.005), ylim=(-0.02, 1.02), xlabel=name, ylabel='IoU')
    axes.legend(fontsize=9)
    axes.grid(alpha=0.3)
    return figure


def confusion_figure(confusion: Confusion, metrics: Mapping[str, float | None]) -> 'Figure':
    """Draw a confusion matrix: counts, shares of each true class, and scores of `metrics.json`."""
    columns, images = confusion.columns, confusion.images
    counts = np.stack(list(columns.values()), axis=1)
    shares = counts / np.maximum(images, 1)[:, None]  # 0 for a class without images
    size = max(5.0, 1.1 * len(columns))
    figure = new_figure(size + 0.6, size)
    axes = figure.add_subplot()
    axes.imshow(shares, cmap='Blues', vmin=0, vmax=1)
    is_small, fontsize = len(columns) <= 3, 15 if len(columns) == 2 else 11
    for (row, column), count in np.ndenumerate(counts):
        share = shares[row, column]
        text = f'{count}\n{share:.1%} of row' if is_small else f'{count}\n{share:.0%}'
        color = WHITE if share > 0.5 else BLACK
        axes.text(column, row, text, ha='center', va='center', fontsize=fontsize, color=color)
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


def training_figure(log: TrainingLog, with_losses: bool = True) -> 'Figure | None':
    """Draw the losses and the validation scores of a training, None if none was logged."""
    titles = loss_titles(log)
    losses = _curves(log, titles if with_losses else {})
    scores = _curves(log, SCORES)
    if not losses and not scores:
        return None
    figure = new_figure(9, 4) if with_losses else new_figure(*SIZE)
    panels = figure.subplots(1, bool(losses) + bool(scores), squeeze=False, sharex=True)[0]
    for key, curve in losses.items():
        name, color = titles[key]
        panels[0].plot(*curve.T, label=name, color=color, marker='.', markersize=3)
    if losses:
        panels[0].set(title='training losses', ylabel='loss')
        panels[0].set_ylim(bottom=0)
    for key, curve in scores.items():
        name, color, dashes = SCORES[key]
        style = dict(color=color, linestyle=dashes, marker='o', markersize=4)
        panels[-1].plot(*curve.T, label=name, **style)
    if scores:
        panels[-1].set_ylabel('mean over images')
        title = 'validation scores'
        if 'lesion/iou' in scores:  # the highest is that of the best checkpoint
            step, best = max(scores['lesion/iou'], key=lambda point: point[1])
            title += f' (best IoU {best:.3f}, {log.unit} {step:.0f})'
        panels[-1].set_title(title, fontsize=10)
    for axes in panels:
        axes.set_xlabel(log.unit)
        axes.locator_params(axis='x', integer=True)
        axes.grid(alpha=0.3)
        axes.legend(fontsize=9)
    panels[0].set_xlim(left=0)  # the panels share it
    return figure


def loss_titles(log: TrainingLog) -> dict[str, tuple[str, str]]:
    """Return title and color of every loss in a log, the losses of Mask R-CNN first."""
    others = [name for name in log.losses if name not in LOSSES]
    known = {name: LOSSES[name] for name in LOSSES if name in log.losses}
    return known | {
        name: (name.removeprefix('loss_').replace('_', ' '), f'C{number}')
        for number, name in enumerate(others)
    }


def loss_figure(log: TrainingLog, names: Sequence[str] = ()) -> 'Figure | None':
    """Draw losses, one panel each: of the training, and of held-out images if logged.

    A strong line joins the means over each epoch, each at the mean time of its values. A light
    line shows the single values where an epoch has several; a few spikes may leave the panel.

    Args:
        log: see `LOSS_PREFIXES` for the losses of held-out images.
        names: of losses, by default of all; several fill a grid of three columns.

    Returns:
        None if none of these losses was logged.
    """
    titles = loss_titles(log)
    names = names or list(titles)
    curves = _curves(log, [f'{prefix}{name}' for name in names for prefix in LOSS_PREFIXES])
    if not curves:
        return None
    columns = min(3, len(names))
    rows = -(-len(names) // columns)
    figure = new_figure(*(SIZE if len(names) == 1 else (10, 3 * rows)))
    panels = figure.subplots(rows, columns, sharex=True, squeeze=False)
    used, empty = panels.flat[: len(names)], panels.flat[len(names) :]
    for axes in empty:
        axes.set_axis_off()
    for axes, name in zip(used, names, strict=True):
        title, color = titles[name]
        if len(names) > 1:
            axes.set_title(f'{title} loss')
        tops = []
        for prefix, label in LOSS_PREFIXES.items():
            style = dict(color=PINK, marker='s') if prefix else dict(color=color, marker='o')
            if f'{prefix}{name}' in curves:
                tops.append(_loss_curve(axes, curves[f'{prefix}{name}'], label=label, **style))
        axes.grid(alpha=0.3)
        axes.set_ylim(0, 1.05 * max([*tops, 1e-9]))
        axes.legend(fontsize=9)
    for axes in panels[:, 0]:
        axes.set_ylabel('loss')
    for axes in used[-columns:]:  # the lowest of every column
        axes.set_xlabel(log.unit)
        axes.tick_params(labelbottom=True)
    panels[0, 0].locator_params(axis='x', integer=True)  # shared by all panels
    panels[0, 0].set_xlim(left=0)
    if log.unit == 'epoch':
        figure.suptitle('strong lines: means of an epoch; light lines: single values', fontsize=9)
    return figure


def resolution_figure(sizes: ArrayLike) -> 'Figure':
    """Draw a histogram of the resolutions of images on a logarithmic axis of megapixels.

    The limit above which the 2018 student project shrinks an image is a border between two bars.

    Args:
        sizes: (N, 2), height and width of one or more images in pixels.
    """
    megapixels = np.prod(np.asarray(sizes, dtype=np.float64), axis=1) / 1e6
    limit = QUARTER_AREA / 1e6
    # Bars are numbered from the limit; an image of exactly that area is below it.
    bars = np.ceil(np.log10(megapixels / limit) * BARS_PER_DECADE).astype(int)
    # At least from 0.2 to 2 megapixels, so that images of one size have ticks around them.
    numbers = np.arange(min(bars.min(), -3), max(bars.max(), 7) + 1)
    counts = (bars == numbers[:, None]).sum(axis=1)
    edges = limit * 10 ** (np.append(numbers[0] - 1, numbers) / BARS_PER_DECADE)

    figure = new_figure(8, 4.5)
    axes = figure.add_subplot(xscale='log')
    style: dict[str, Any] = dict(align='edge', color=SKY, edgecolor=BLACK, linewidth=0.6)
    drawn = axes.bar(edges[:-1], counts, np.diff(edges), **style)
    # The white box keeps the lines from crossing a number.
    white = dict(facecolor=WHITE, edgecolor='none', pad=1)
    for count, label in zip(counts, axes.bar_label(drawn, padding=3, fontsize=9), strict=True):
        label.set(visible=count > 0, bbox=white, zorder=4)
    axes.margins(x=0.02, y=0.1)

    median = np.median(megapixels)
    axes.axvline(median, color=GREEN, linewidth=2, label=f'median: {median:.2f} MP')
    above = (megapixels > limit).sum()
    words = (
        f'700 x 700 pixels ({limit:.2f} MP); above it: {above} images,\n'
        'shrunk to a quarter of each side by the rule of the 2018 student project'
    )
    axes.axvline(limit, color=VERMILION, linewidth=2, linestyle='--', label=words)
    ticks = [tick for tick in MEGAPIXELS if edges[0] <= tick <= edges[-1]]
    axes.set_xticks(ticks, [f'{tick:g}' for tick in ticks])
    axes.set_xticks([], minor=True)
    axes.set_xlabel('official resolution in megapixels (MP), logarithmic')
    axes.set_ylabel('images')
    axes.set_title(f'{len(megapixels)} images, {megapixels.min():.2f} to {megapixels.max():.2f} MP')
    # Below the axes the legend hides no bar.
    figure.legend(loc='outside lower center', ncols=2, fontsize=9)
    return figure


def _box(axes: 'Axes', position: int, values: Values, color: str) -> None:
    """Draw points, box and numbers of one rule around an x position."""
    offsets = np.random.default_rng(0).uniform(-0.3, -0.12, len(values))
    axes.scatter(position + offsets, values, s=9, color=color, alpha=0.45, linewidths=0)
    line = dict(color=color, linewidth=1.8)
    style: dict[str, Any] = dict(boxprops=line, whiskerprops=line, capprops=line)
    style['medianprops'] = dict(color=BLACK, linewidth=2)
    style['meanprops'] = dict(marker='D', markerfacecolor=WHITE, markeredgecolor=BLACK)
    shown: dict[str, Any] = dict(showfliers=False, showmeans=True, manage_ticks=False)
    axes.boxplot(values, positions=[position], widths=0.18, **shown, **style)
    numbers = summary(values)
    marks = {'Q3': 'Q3', 'median': 'median', 'Q1': 'Q1', 'mean': '◇ mean'}
    text = '\n'.join(f'{mark} {numbers[name]:.3f}' for name, mark in marks.items())
    height = np.clip(numbers['median'], 0.15, 0.85)
    axes.text(position + 0.14, height, text, va='center', fontsize=9)


def _class_scores(confusion: Confusion, metrics: Mapping[str, float | None]) -> str:
    """Return the scores of the classes in up to three lines, with a dash for undefined ones."""

    def words(key: str, name: str) -> str:
        value = metrics.get(key)
        return f'{name} –' if value is None else f'{name} {value:.3f}'

    lines, positive = [], confusion.positive
    if len(confusion.classes) > 2:
        scores = ', '.join(words(key, name) for key, name in CLASS_SCORES.items())
        lines.append(f'{len(confusion.classes)} classes: {scores}')
    if positive is not None:
        parts = [words(f'{positive}/{key}', name) for key, name in POSITIVE_SCORES.items()]
        lines += [f'{positive}: {", ".join(parts[:3])}', ', '.join(parts[3:])]
    return '\n'.join(lines)


def _curves(log: TrainingLog, names: Iterable[str]) -> dict[str, Values]:
    """Return the curves that were logged, (N, 2), by name."""
    return {name: curve for name in names if len(curve := log.curve(name))}


def _loss_curve(axes: 'Axes', values: Values, **style: Any) -> float:
    """Draw the curve of one loss; return the height that the panel has to show."""
    # The length of an epoch is a quotient: rounding may put the last time just above its epoch.
    epochs = np.ceil(values[:, 0] - 1e-6)  # epoch 3 is 2 < time <= 3
    means = np.array([values[epochs == epoch].mean(axis=0) for epoch in np.unique(epochs)])
    heights = means[:, 1]
    if len(values) > len(means):
        axes.plot(*values.T, color=style['color'], linewidth=0.7, alpha=0.3)
        finite = values[np.isfinite(values[:, 1]), 1]
        heights = np.append(heights, np.quantile(finite, 0.99) if len(finite) else 0)
    style |= dict(markersize=4, markeredgecolor=WHITE, markeredgewidth=0.5)
    axes.plot(*means.T, linewidth=1.8, markevery=max(1, len(means) // 30), zorder=3, **style)
    return float(np.max(heights, where=np.isfinite(heights), initial=0.0))
