"""The six losses of Mask R-CNN over a training: what it saw beside images that it did not see."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from isic_mmdet.errors import InputError
from isic_mmdet.report.figures import new_figure, save_figure
from isic_mmdet.report.plots import LOSSES
from isic_mmdet.report.run_files import LOSS_PREFIXES, continued, read_scalars, time_unit

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

HELD_OUT_COLOUR = '#CC79A7'  # of Okabe and Ito, as those of the losses; they leave it free


def loss_curves(scalars: Sequence[str | Path], out: str | Path) -> 'Figure':
    """Draw every loss in a panel of its own: of the training, and of held-out images if logged.

    A strong line joins the means over each epoch, each at the mean time of what it averages. A
    light line behind it shows the single values where an epoch has several; a few spikes of it
    may leave the panel.

    Args:
        scalars: as `plots.training_curves`. Losses of held-out images are named `val/loss`,
            `val/loss_mask` and so on, or `test/loss` and so on, with the training iterations
            done so far as `step`.
        out: PNG to write.

    Returns:
        The figure that was written.

    Raises:
        InputError: if a file is missing or damaged, or none holds a loss.
    """
    records = continued(record for path in scalars for record in read_scalars(path))
    logged = [
        prefix for prefix in LOSS_PREFIXES if any(f'{prefix}loss' in record for record in records)
    ]
    if not logged:
        names = ', '.join(str(path) for path in scalars)
        raise InputError(f'{names}: no losses; is it the log of a training?')
    unit, length = time_unit(records)

    figure = new_figure(10, 6)
    panels = figure.subplots(2, 3, sharex=True)
    for axes, (key, (title, color)) in zip(panels.flat, LOSSES.items(), strict=True):
        top = 0.0
        for prefix in logged:
            name = f'{prefix}{key}'
            values = np.array(
                [(record['step'] / length, record[name]) for record in records if name in record]
            )
            if len(values):
                style = dict(color=HELD_OUT_COLOUR, marker='s') if prefix else dict(color=color)
                top = max(top, _curve(axes, values, label=LOSS_PREFIXES[prefix], **style))
        axes.set_title(f'{title} loss')
        axes.grid(alpha=0.3)
        if top:
            axes.set_ylim(0, 1.05 * top)
            axes.legend(fontsize=9)
        else:
            axes.text(0.5, 0.5, 'not logged', transform=axes.transAxes, ha='center')
    for axes in panels[:, 0]:
        axes.set_ylabel('loss')
    for axes in panels[1]:
        axes.set_xlabel(unit)
    panels[0, 0].locator_params(axis='x', integer=True)  # all: they share it
    panels[0, 0].set_xlim(left=0)
    if unit == 'epoch':
        figure.suptitle('strong lines: means of an epoch; light lines: single values', fontsize=10)
    save_figure(figure, out)
    return figure


def epoch_means(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean (time, value) of every epoch, (M, 2), in the order of time.

    Args:
        values: (N, 2), times in epochs and values. Epoch 3 is what comes after time 2, up to 3.
    """
    # The length of an epoch is a quotient, so that an epoch's end may come out just above it.
    epochs = np.ceil(values[:, 0] - 1e-6)
    return np.array([values[epochs == epoch].mean(axis=0) for epoch in np.unique(epochs)])


def _curve(
    axes: 'Axes', values: NDArray[np.float64], label: str, color: str, marker: str = 'o'
) -> float:
    """Draw one loss over some images; return the height that the panel has to show."""
    means = epoch_means(values)
    heights = means[:, 1]
    if len(values) > len(means):
        axes.plot(*values.T, color=color, linewidth=0.7, alpha=0.3)
        heights = np.append(heights, np.nanquantile(values[:, 1], 0.99))
    axes.plot(
        *means.T,
        label=label,
        color=color,
        linewidth=1.8,
        marker=marker,
        markersize=4,
        markeredgecolor='white',
        markeredgewidth=0.5,
        markevery=max(1, len(means) // 30),
        zorder=3,
    )
    return float(np.max(heights, where=np.isfinite(heights), initial=0.0))
