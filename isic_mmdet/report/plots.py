"""Figures drawn from the files that a run leaves: box plot of the scores, curves of the training.

Matplotlib is imported only when a figure is drawn, and used without pyplot, so that no window
system and no global state is involved. Colours are those of Okabe and Ito (2008).
"""

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from isic_mmdet.errors import InputError
from isic_mmdet.metrics.core import JACCARD_THRESHOLD
from isic_mmdet.report.atomic import write_atomically

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

RULES = {'iou': 'highest-scoring detection', 'iou_max': 'best detection (oracle)'}
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
DOTS_PER_INCH = 150


def read_per_image(path: str | Path) -> dict[str, NDArray[np.float64]]:
    """Return the columns `iou`, `iou_max` and `detections` of a `per_image.csv`, (N,) each.

    Raises:
        InputError: if the file is missing or empty, or a column is missing or not numeric.
    """
    names = (*RULES, 'detections')
    try:
        with Path(path).open(newline='', encoding='utf-8') as file:
            rows = list(csv.DictReader(file, restval=''))
    except OSError as error:
        raise InputError(f'{path}: cannot be read ({error.strerror}); run a test first') from error
    if not rows:
        raise InputError(f'{path}: has no rows; run tools/test.py again to write it')
    absent = [name for name in names if name not in rows[0]]
    if absent:
        raise InputError(
            f'{path}: lacks the column {", ".join(absent)}; is it the per_image.csv of a test?'
        )
    try:
        return {name: np.array([row[name] for row in rows], dtype=np.float64) for name in names}
    except ValueError as error:
        raise InputError(f'{path}: a score is not a number ({error}); write it again') from error


def summary(values: NDArray[np.float64]) -> dict[str, float]:
    """Return min, Q1, median, Q3, max (linear interpolation, as NumPy) and mean of (N,) values."""
    quantiles = np.quantile(values, (0, 0.25, 0.5, 0.75, 1))
    names = ('min', 'Q1', 'median', 'Q3', 'max', 'mean')
    return dict(zip(names, [*map(float, quantiles), float(values.mean())], strict=True))


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
    figure = _figure(8, 5)
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
    _save(figure, out)
    return figure


def training_curves(scalars: Sequence[str | Path], out: str | Path) -> 'Figure':
    """Draw the losses and the validation scores of a training.

    Args:
        scalars: one or more `vis_data/scalars.json` of one work folder, oldest first. Where a
            step comes a second time, because a run was resumed or started over, what was
            logged from that step on is replaced.
        out: PNG to write.

    Returns:
        The figure that was written.

    Raises:
        InputError: if a file is missing or damaged, or none holds a loss or a lesion score.
    """
    records = _continued(record for path in scalars for record in _read_scalars(path))
    training = [record for record in records if 'loss' in record]
    validation = [record for record in records if any(name in record for name in SCORES)]
    if not training and not validation:
        names = ', '.join(str(path) for path in scalars)
        raise InputError(f'{names}: neither losses nor lesion scores; is it the log of a training?')

    # Losses are logged by iteration, scores of an epoch-based training by epoch. How many
    # iterations an epoch has is not logged; the last logged one of each tells it closely.
    lengths = [record['step'] / record['epoch'] for record in training if 'epoch' in record]
    unit = 'epoch' if lengths else 'iteration'
    figure = _figure(9, 4)
    all_axes = iter(figure.subplots(1, bool(training) + bool(validation), squeeze=False)[0])
    if training:
        axes = next(all_axes)
        _lines(axes, training, LOSSES, max(lengths, default=1))
        axes.set(title='training losses', xlabel=unit, ylabel='loss')
        axes.set_ylim(bottom=0)
        axes.legend(fontsize=9)
    if validation:
        axes = next(all_axes)
        _lines(axes, validation, SCORES, 1, marker='o', markersize=4)
        axes.set(title=_best(validation, unit), xlabel=unit, ylabel='mean over images')
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.legend(fontsize=9)
    _save(figure, out)
    return figure


def _box(axes: 'Axes', position: int, values: NDArray[np.float64], colour: str) -> None:
    """Draw points, box and numbers of one rule around an x position."""
    offsets = np.random.default_rng(0).uniform(-0.3, -0.12, len(values))
    axes.scatter(position + offsets, values, s=9, color=colour, alpha=0.45, linewidths=0)
    axes.boxplot(
        values,
        positions=[position],
        widths=0.18,
        showfliers=False,
        showmeans=True,
        manage_ticks=False,
        medianprops={'color': 'black', 'linewidth': 2},
        boxprops={'color': colour, 'linewidth': 1.8},
        whiskerprops={'color': colour, 'linewidth': 1.8},
        capprops={'color': colour, 'linewidth': 1.8},
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
    for key, (name, colour) in series.items():
        points = [
            (record['step'] / steps_a_unit, record[key]) for record in records if key in record
        ]
        if points:
            axes.plot(*zip(*points, strict=True), label=name, color=colour, **style)
    axes.grid(alpha=0.3)


def _best(validation: Sequence[Mapping[str, Any]], unit: str) -> str:
    """Return a title that names the highest IoU, which is that of the checkpoint kept as best."""
    judged = [record for record in validation if 'lesion/iou' in record]
    if not judged:
        return 'validation scores'
    best = max(judged, key=lambda record: record['lesion/iou'])
    return f'validation scores (best IoU {best["lesion/iou"]:.3f}, {unit} {best["step"]})'


def _read_scalars(path: str | Path) -> list[dict[str, Any]]:
    """Return the records of a JSON-lines file of mmengine."""
    try:
        lines = Path(path).read_text(encoding='utf-8').splitlines()
    except OSError as error:
        raise InputError(f'{path}: cannot be read ({error.strerror}); train first') from error
    records = []
    for number, line in enumerate(lines, 1):
        try:
            records.append(json.loads(line))
        except json.JSONDecodeError as error:
            raise InputError(
                f'{path}, line {number}: not JSON ({error}); take the damaged line out'
            ) from error
    return records


def _continued(records: Iterator[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the records of one training out of those of its resumed or repeated parts.

    When the iteration falls back, everything logged from that iteration on is void, the
    validations in between too.
    """
    kept: list[dict[str, Any]] = []
    for record in records:
        if 'loss' in record:
            void = (
                index
                for index, earlier in enumerate(kept)
                if 'loss' in earlier and earlier['step'] >= record['step']
            )
            del kept[next(void, len(kept)) :]
        kept.append(record)
    return kept


def _figure(width: float, height: float) -> 'Figure':
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), dpi=DOTS_PER_INCH, layout='constrained')


def _save(figure: 'Figure', path: str | Path) -> None:
    png = io.BytesIO()
    figure.savefig(png, format='png')
    write_atomically(path, png.getvalue())
