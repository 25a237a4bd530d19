"""The plots of the report, each with a caption and its numbers as a table."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from markupsafe import Markup

from isic_mmdet.evaluation.calibration import (
    RATINGS,
    binned,
    failures_in_lowest_tenth,
    rank_correlation,
)
from isic_mmdet.evaluation.per_image import Row
from isic_mmdet.evaluation.scores import JACCARD_THRESHOLD
from isic_mmdet.evaluation.summary import values_of
from isic_mmdet.report.figures import (
    IOU_BINS,
    SCORES,
    iou_box_figure,
    iou_histogram_figure,
    loss_figure,
    loss_titles,
    rating_figure,
    training_figure,
)
from isic_mmdet.report.page.svg import figure_svg
from isic_mmdet.report.run_files import RULES, TrainingLog, summary

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Plot(NamedTuple):
    """A figure on the page, and the table of its numbers."""

    title: str
    figure: 'Figure'
    caption: str
    head: Sequence[str] = ()  # columns of the table; no table if empty
    rows: Iterable[Sequence[object]] = ()
    points: Sequence[str] = ()  # see `figure_svg`

    @property
    def svg(self) -> Markup:
        """The figure as inline SVG."""
        return figure_svg(self.figure, self.title, self.points)


def iou_plots(rows: Sequence[Row]) -> list[Plot]:
    """Return box plot and histogram of the IoU, and plots of the known `RATINGS` against it."""
    numbers = {words: summary(values_of(rows, rule)) for rule, words in RULES.items()}
    box = Plot(
        'IoU, box plot',
        iou_box_figure(rows),
        'The box spans Q1 to Q3, the line is the median, the diamond is the mean. The whiskers '
        'reach the last image within 1.5 box lengths. The dashed line is 0.65, the threshold of '
        'the challenge.',
        ['rule', 'min', 'Q1', 'median', 'Q3', 'max', 'mean'],
        [[words, *values.values()] for words, values in numbers.items()],
    )
    values = values_of(rows, 'iou')
    counts, _ = np.histogram(values, IOU_BINS)
    few = int((values < JACCARD_THRESHOLD).sum())
    histogram = Plot(
        'IoU, histogram',
        iou_histogram_figure(values),
        f'{few} of {len(values)} images ({100 * few / len(values):.1f} %) are below 0.65 (dashed) '
        'and count as 0 in the thresholded Jaccard.',
        ['IoU', 'images'],
        [
            [f'{low:.2f} to {high:.2f}', int(count)]
            for low, high, count in zip(IOU_BINS[:-1], IOU_BINS[1:], counts, strict=True)
        ],
    )
    known = [name for name in RATINGS if any(row.get(name) is not None for row in rows)]
    return [box, histogram, *(_rating_plot(rows, name) for name in known)]


def _rating_plot(rows: Sequence[Row], rating: str) -> Plot:
    found = [row for row in rows if row[rating] is not None]
    values, overlaps = values_of(found, rating), values_of(found, 'iou')
    rho = rank_correlation(values, overlaps)
    known = '' if np.isnan(rho) else f'Rank correlation with the IoU (Spearman): {rho:.2f}. '
    words = rating.replace('_iou', ' IoU')
    share = 100 * failures_in_lowest_tenth(rows, rating)
    return Plot(
        f'{words[0].upper()}{words[1:]} against IoU',
        rating_figure(values, overlaps, words),
        f'{len(found)} images with a known {words}. {known}Of the tenth of the images with the '
        f'lowest {words}, {share:.0f} % have an IoU below 0.65. The name of an image appears when '
        'the mouse is on its point.',
        [words, 'images', f'mean {words}', 'mean IoU'],
        [
            [
                f'{group["low"]:.3f} to {group["high"]:.3f}',
                *(group[key] for key in ('images', 'mean', 'mean_iou')),
            ]
            for group in binned(values, overlaps)
        ],
        [f'{row["image_id"]}: {words} {row[rating]:.3f}, IoU {row["iou"]:.3f}' for row in found],
    )


def training_plots(log: TrainingLog) -> tuple[list[Plot], list[Plot]]:
    """Return the plots of a training (scores and total loss) and those of the parts of its loss."""
    shown: list[Plot] = []
    parts: list[Plot] = []
    if figure := training_figure(log, with_losses=False):
        caption = 'Mean over the validation images after every validation.'
        head = [log.unit, *(name for name, *_ in SCORES.values())]
        rows = [[r['step'], *map(r.get, SCORES)] for r in log.records if 'lesion/iou' in r]
        shown.append(Plot('Validation scores', figure, caption, head, rows))
    for key, (name, _) in loss_titles(log).items():
        if figure := loss_figure(log, (key,)):
            caption = ''
            if key == 'loss' and not len(log.curve('val/loss')):
                caption = 'Add ValidationLossHook to the config to log losses of validation images.'
            plot = Plot(f'{name[0].upper()}{name[1:]} loss', figure, caption)
            (shown if key == 'loss' else parts).append(plot)
    return shown, parts
