"""Losses and scores over a training, as plots of the report."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isic_mmdet.report.losses import epoch_means
from isic_mmdet.report.page.markup import Markup, details, element, score, table
from isic_mmdet.report.page.plot import Axis, Plot, figure
from isic_mmdet.report.plots import LOSSES, SCORES
from isic_mmdet.report.run_files import LOSS_PREFIXES, time_unit

_PREFIX_STYLES = {'': 'blue', 'val/': 'orange dashed', 'test/': 'green dotted'}
_SCORE_STYLES = dict(zip(SCORES, ('blue', 'orange dashed', 'green dotted'), strict=True))
_SINGLE_VALUES = 400  # of a light line; more cannot be told apart


def training_section(records: Sequence[Mapping[str, Any]]) -> Markup | None:
    """Return the curves of a training, None where its log holds none.

    Args:
        records: of a `scalars.json`, one training's.
    """
    figures = [_scores(records), _loss(records, 'loss')]
    shown = [drawing for drawing in figures if drawing is not None]
    if not shown:
        return None
    parts = [_loss(records, name) for name in LOSSES if name != 'loss']
    known = [drawing for drawing in parts if drawing is not None]
    return element(
        'section',
        element('h2', 'Training', id='training'),
        element('div', shown, class_='plots'),
        details('The parts of the loss', element('div', known, class_='plots')) if known else None,
    )


def _loss(records: Sequence[Mapping[str, Any]], name: str) -> Markup | None:
    """Draw one loss of all images that it was logged for."""
    unit, length = time_unit(records)
    curves: dict[str, NDArray[np.float64]] = {}
    for prefix in LOSS_PREFIXES:
        found = [
            (record['step'] / length, record[f'{prefix}{name}'])
            for record in records
            if isinstance(record.get(f'{prefix}{name}'), (int, float))
        ]
        values = np.array(found, np.float64).reshape(-1, 2)
        values = values[np.isfinite(values).all(axis=1)]
        if len(values):
            curves[prefix] = values
    if not curves:
        return None

    means = {prefix: epoch_means(values) for prefix, values in curves.items()}
    # A few spikes of the single values may leave the plot, as they do in losses.png.
    tops = [np.quantile(values[:, 1], 0.99) for values in curves.values()]
    top = max(*tops, *(points[:, 1].max() for points in means.values()), 1e-9)
    end = np.ceil(max(values[:, 0].max() for values in curves.values()) - 1e-6)
    plot = Plot(Axis(unit, 0, end, whole=True), Axis('loss', 0, 1.05 * top))
    styles, told = {}, []
    for prefix, points in means.items():
        whose, style = LOSS_PREFIXES[prefix], _PREFIX_STYLES[prefix]
        if len(curves[prefix]) > len(points):
            every = -(-len(curves[prefix]) // _SINGLE_VALUES)
            plot.line(curves[prefix][::every], f'faint {style}')
        plot.line(points, style)
        if len(points) <= 40:
            plot.dots(points, style)
        styles[whose] = style
        told.append(f'{whose}: from {points[0, 1]:.3f} to {points[-1, 1]:.3f}')
    title = f'{LOSSES[name][0]} loss'.capitalize().replace('Rpn', 'RPN')
    caption = '; '.join(told).capitalize() + '. '
    if name == 'loss' and list(means) == ['']:
        caption += 'Losses of validation images are logged by ValidationLossHook in the config. '
    if unit == 'epoch':
        caption += 'Strong lines: means of an epoch; light lines: single values.'
    return figure(title, plot, caption, styles)


def _scores(records: Sequence[Mapping[str, Any]]) -> Markup | None:
    """Draw the scores of the validations."""
    judged = [record for record in records if isinstance(record.get('lesion/iou'), (int, float))]
    if not judged:
        return None
    unit, _ = time_unit(records)
    names = [name for name in SCORES if all(name in record for record in judged)]
    lowest = min(record[name] for record in judged for name in names)
    low = max(0.0, np.floor(10 * lowest - 0.5) / 10)
    plot = Plot(
        Axis(unit, 0, max(record['step'] for record in judged), whole=True),
        Axis('mean over images', low, 1),
    )
    for name in names:
        points = [(record['step'], record[name]) for record in judged]
        plot.line(points, _SCORE_STYLES[name])
        plot.dots(points, _SCORE_STYLES[name])
    best = max(judged, key=lambda record: record['lesion/iou'])
    caption = f'Best IoU {best["lesion/iou"]:.3f}, {unit} {best["step"]}.'
    numbers = table(
        [unit, *(SCORES[name][0] for name in names)],
        [[record['step'], *(score(record[name]) for name in names)] for record in judged],
        'Scores of the validations',
    )
    return figure(
        'Validation scores',
        plot,
        caption,
        {SCORES[name][0]: _SCORE_STYLES[name] for name in names},
        details('Numbers', numbers),
    )
