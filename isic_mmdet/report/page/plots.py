"""The plots of the report, each with a caption and its numbers as a table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup

from isic_mmdet.evaluation.calibration import binned, rank_correlation
from isic_mmdet.evaluation.scores import JACCARD_THRESHOLD
from isic_mmdet.report.figures import (
    IOU_BINS,
    LOSSES,
    SCORES,
    iou_box_figure,
    iou_histogram_figure,
    loss_figure,
    score_figure,
    training_figure,
)
from isic_mmdet.report.page.evaluation import Evaluation
from isic_mmdet.report.page.svg import figure_svg
from isic_mmdet.report.run_files import RULES, summary, time_unit

Record = Mapping[str, Any]


def score_text(value: float | None) -> str:
    """Return a score with three digits, a dash if there is none."""
    return '–' if value is None else f'{value:.3f}'


@dataclass(frozen=True)
class Plot:
    """A figure on the page.

    Attributes:
        title: heading.
        svg: the figure.
        caption: what it shows.
        head: columns of the table of its numbers; no table if empty.
        rows: of this table.
    """

    title: str
    svg: Markup
    caption: str
    head: Sequence[str] = ()
    rows: Sequence[Sequence[object]] = ()


def iou_plots(evaluation: Evaluation) -> list[Plot]:
    """Return box plot and histogram of the IoU, and the plot of score against IoU."""
    columns = evaluation.per_image()
    columns['detections'] = np.array([image.detections for image in evaluation.images], float)
    numbers = {rule: summary(columns[rule]) for rule in RULES}
    title = 'IoU, box plot'
    box = Plot(
        title,
        figure_svg(iou_box_figure(columns), 'box', title),
        'Boxes from Q1 to Q3, line: median, diamond: mean; whiskers reach the last image within '
        '1.5 box lengths. Dashed: 0.65, the threshold of the challenge.',
        ['rule', *numbers['iou']],
        [[RULES[rule], *map(score_text, numbers[rule].values())] for rule in RULES],
    )
    values = columns['iou']
    counts, _ = np.histogram(values, IOU_BINS)
    few = int((values < JACCARD_THRESHOLD).sum())
    title = 'IoU, histogram'
    histogram = Plot(
        title,
        figure_svg(iou_histogram_figure(values), 'histogram', title),
        f'{few} of {len(values)} images ({100 * few / len(values):.1f} %) are below 0.65 (dashed) '
        'and count as 0 in the thresholded Jaccard.',
        ['IoU', 'images'],
        [
            [f'{low:.2f} to {high:.2f}', int(count)]
            for low, high, count in zip(IOU_BINS[:-1], IOU_BINS[1:], counts, strict=True)
        ],
    )
    return [box, histogram, _score_plot(evaluation)]


def _score_plot(evaluation: Evaluation) -> Plot:
    found = [image for image in evaluation.images if image.score is not None]
    scores = np.array([image.score for image in found], np.float64)
    overlaps = np.array([image.scores['iou'] for image in found], np.float64)
    names = [
        f'{image.image_id}: score {image.score:.3f}, IoU {image.scores["iou"]:.3f}'
        for image in found
    ]
    title = 'Score against IoU'
    rho = rank_correlation(scores, overlaps)
    caption = f'{len(found)} images with a detection. '
    if not np.isnan(rho):
        caption += f'Rank correlation of score and IoU (Spearman): {rho:.2f}. '
    return Plot(
        title,
        figure_svg(score_figure(scores, overlaps), 'score', title, names),
        f'{caption}The name of an image appears when the mouse is on its point.',
        ['score', 'images', 'mean score', 'mean IoU'],
        [
            [
                f'{group["score_low"]:.3f} to {group["score_high"]:.3f}',
                group['images'],
                score_text(group['mean_score']),
                score_text(group['mean_iou']),
            ]
            for group in binned(scores, overlaps)
        ],
    )


def training_plots(records: Sequence[Record]) -> tuple[list[Plot], list[Plot]]:
    """Return the plots of a training (scores and total loss) and those of the parts of its loss.

    Args:
        records: of one `scalars.json`.
    """
    total, *parts = [_loss_plot(records, name) for name in LOSSES]
    shown = [_validation_plot(records), total]
    return [plot for plot in shown if plot], [plot for plot in parts if plot]


def _loss_plot(records: Sequence[Record], name: str) -> Plot | None:
    drawing = loss_figure(records, (name,))
    if drawing is None:
        return None
    title = f'{LOSSES[name][0]} loss'
    title = title[0].upper() + title[1:]
    caption = ''
    if name == 'loss' and not any('val/loss' in record for record in records):
        caption = 'Add ValidationLossHook to the config to log losses of validation images.'
    return Plot(title, figure_svg(drawing, name.replace('_', '-'), title), caption)


def _validation_plot(records: Sequence[Record]) -> Plot | None:
    drawing = training_figure(records, with_losses=False)
    if drawing is None:
        return None
    title, (unit, _) = 'Validation scores', time_unit(records)
    rated = [record for record in records if 'lesion/iou' in record]
    return Plot(
        title,
        figure_svg(drawing, 'validation', title),
        'Mean over the validation images after every validation.',
        [unit, *(name for name, *_ in SCORES.values())],
        [[record['step'], *(score_text(record.get(key)) for key in SCORES)] for record in rated],
    )
