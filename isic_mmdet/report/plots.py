"""Figures drawn from the files that a run leaves: box plot of the scores, curves of the training.

Colors are those of Okabe and Ito (2008).
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from isic_mmdet.errors import InputError
from isic_mmdet.evaluation.scores import JACCARD_THRESHOLD
from isic_mmdet.report.figures import new_figure, save_figure
from isic_mmdet.report.run_files import (
    RULES,
    continued,
    read_per_image,
    read_scalars,
    summary,
    time_unit,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

RULE_COLOURS = {'iou': '#0072B2', 'iou_max': '#E69F00'}
LOSSES = {
    'loss': ('total', '#000000'),
    'loss_rpn_cls': ('RPN class', '#56B4E9'),
    'loss_rpn_bbox': ('RPN box', '#0072B2'),
    'loss_cls': ('class', '#E69F00'),
    'loss_bbox': ('box', '#D55E00'),
    'loss_mask': ('mask', '#009E73'),
}
SCORES = {
    'lesion/iou': ('IoU, highest score', '#0072B2'),
    'lesion/iou_max': ('IoU, best detection', '#E69F00'),
    'lesion/iou_thr65': ('thresholded Jaccard', '#009E73'),
}


def iou_box_plot(per_image: str | Path, out: str | Path) -> 'Figure':
    """Draw how the Jaccard index spreads over images, for both selection rules side by side.

    Boxes span Q1 to Q3 with the median as a line and the mean as a diamond; whiskers reach the
    last image within 1.5 box lengths. Every image is one point, at an offset that is the same in
    every drawing.

    Args:
        per_image: the `per_image.csv` of an evaluation.
        out: PNG to write.

    Returns:
        The figure that was written.

    Raises:
        InputError: see `read_per_image`.
    """
    columns = read_per_image(per_image)
    figure = new_figure(8, 5)
    axes = figure.add_subplot()
    for position, rule in enumerate(RULES):
        _box(axes, position, columns[rule], RULE_COLOURS[rule])
    axes.axhline(JACCARD_THRESHOLD, color='#D55E00', linewidth=1.2, linestyle='--', zorder=1)
    axes.text(
        len(RULES) - 0.32,
        JACCARD_THRESHOLD - 0.015,
        f'{JACCARD_THRESHOLD}, threshold\nof the challenge',
        color='#B04A00',
        ha='right',
        va='top',
    )
    axes.set_xticks(range(len(RULES)), [f'{rule}\n{name}' for rule, name in RULES.items()])
    axes.set_xlim(-0.6, len(RULES) - 0.3)
    axes.set_ylim(-0.02, 1.02)
    axes.set_ylabel('IoU (Jaccard index) per image')
    images = len(columns['iou'])
    missed = int((columns['detections'] == 0).sum())
    axes.set_title(f'{images} images, {missed} without a detection (IoU 0)')
    axes.grid(axis='y', alpha=0.3)
    save_figure(figure, out)
    return figure


def training_curves(scalars: Sequence[str | Path], out: str | Path) -> 'Figure':
    """Draw the losses and the validation scores of a training.

    Args:
        scalars: one or more `scalars.json` of one run, oldest first. Where a
            step comes a second time, because a run was resumed or started over, what was
            logged from that step on is replaced.
        out: PNG to write.

    Returns:
        The figure that was written.

    Raises:
        InputError: if a file is missing or damaged, or none holds a loss or a lesion score.
    """
    records = continued(record for path in scalars for record in read_scalars(path))
    training = [record for record in records if 'loss' in record]
    validation = [record for record in records if any(name in record for name in SCORES)]
    if not training and not validation:
        names = ', '.join(str(path) for path in scalars)
        raise InputError(f'{names}: neither losses nor lesion scores; is it the log of a training?')

    # Losses are logged by iteration, the scores of an epoch-based training by epoch.
    unit, length = time_unit(records)
    figure = new_figure(9, 4)
    columns = bool(training) + bool(validation)
    all_axes = iter(figure.subplots(1, columns, squeeze=False, sharex=True)[0])
    if training:
        axes = next(all_axes)
        _lines(axes, training, LOSSES, length, marker='.', markersize=3)
        axes.set(title='training losses', xlabel=unit, ylabel='loss')
        axes.set_ylim(bottom=0)
        axes.legend(fontsize=9)
    if validation:
        axes = next(all_axes)
        _lines(axes, validation, SCORES, 1, marker='o', markersize=4)
        axes.set(title=_best(validation, unit), xlabel=unit, ylabel='mean over images')
        axes.legend(fontsize=9)
    axes.set_xlim(left=0)  # both: they share it
    save_figure(figure, out)
    return figure


def _box(axes: 'Axes', position: int, values: NDArray[np.float64], color: str) -> None:
    """Draw points, box and numbers of one rule around an x position."""
    offsets = np.random.default_rng(0).uniform(-0.3, -0.12, len(values))
    axes.scatter(position + offsets, values, s=9, color=color, alpha=0.45, linewidths=0)
    axes.boxplot(
        values,
        positions=[position],
        widths=0.18,
        showfliers=False,
        showmeans=True,
        manage_ticks=False,
        medianprops={'color': 'black', 'linewidth': 2},
        boxprops={'color': color, 'linewidth': 1.8},
        whiskerprops={'color': color, 'linewidth': 1.8},
        capprops={'color': color, 'linewidth': 1.8},
        meanprops={'marker': 'D', 'markerfacecolor': 'white', 'markeredgecolor': 'black'},
    )
    numbers = summary(values)
    axes.text(
        position + 0.14,
        np.clip(numbers['median'], 0.15, 0.85),
        '\n'.join(
            f'{mark} {numbers[name]:.3f}'
            for mark, name in (('Q3', 'Q3'), ('median', 'median'), ('Q1', 'Q1'), ('◇ mean', 'mean'))
        ),
        va='center',
        fontsize=10,
    )


def _lines(
    axes: 'Axes',
    records: Sequence[Mapping[str, Any]],
    series: Mapping[str, tuple[str, str]],
    steps_a_unit: float,
    **style: Any,
) -> None:
    """Draw every series that the records hold."""
    for key, (name, color) in series.items():
        points = [
            (record['step'] / steps_a_unit, record[key]) for record in records if key in record
        ]
        if points:
            axes.plot(*zip(*points, strict=True), label=name, color=color, **style)
    axes.locator_params(axis='x', integer=True)
    axes.grid(alpha=0.3)


def _best(validation: Sequence[Mapping[str, Any]], unit: str) -> str:
    """Return a title that names the highest IoU, which is that of the checkpoint kept as best."""
    judged = [record for record in validation if 'lesion/iou' in record]
    if not judged:
        return 'validation scores'
    best = max(judged, key=lambda record: record['lesion/iou'])
    return f'validation scores (best IoU {best["lesion/iou"]:.3f}, {unit} {best["step"]})'
