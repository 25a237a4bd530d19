"""How the IoU spreads over images, and whether the score foretells it, as plots of the report."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from isic_mmdet.evaluation.calibration import binned, rank_correlation
from isic_mmdet.evaluation.scores import JACCARD_THRESHOLD
from isic_mmdet.report.page.evaluation import ImageScores
from isic_mmdet.report.page.markup import Markup, details, element, percent, score, table
from isic_mmdet.report.page.plot import Axis, Plot, figure
from isic_mmdet.report.run_files import RULES, summary

# Twentieths as quotients: 0.65 is the border of a bin to the last bit.
_EDGES = np.arange(21) / 20
_UNIT = [0, 0.2, 0.4, 0.6, 0.8, 1]
# Short names: on a telephone the long ones would run into the boxes.
_RULE_STYLES = {'iou': ('highest score', 'blue'), 'iou_max': ('best detection', 'orange')}


def spread_section(images: Sequence[ImageScores], columns: Mapping[str, NDArray]) -> Markup:
    """Return box plot, histogram and the plot of score against IoU.

    Args:
        images: of the evaluation.
        columns: its `per_image()`.
    """
    plots = [box_plot(columns), histogram(columns['iou']), score_plot(images)]
    return element(
        'section',
        element('h2', 'IoU per image', id='spread'),
        element('div', plots, class_='plots'),
    )


def box_plot(columns: Mapping[str, NDArray[np.float64]]) -> Markup:
    """Draw quartiles, mean and whiskers of both selection rules."""
    plot = Plot(Axis('IoU (Jaccard index) per image', 0, 1, _UNIT), Axis('', 0, len(RULES), []))
    plot.line([(JACCARD_THRESHOLD, 0), (JACCARD_THRESHOLD, len(RULES))], 'limit dashed')
    rows = []
    for position, rule in enumerate(RULES):
        values, middle = columns[rule], len(RULES) - 0.5 - position
        numbers, (name, style) = summary(values), _RULE_STYLES[rule]
        reach = 1.5 * (numbers['Q3'] - numbers['Q1'])
        inside = values[(values >= numbers['Q1'] - reach) & (values <= numbers['Q3'] + reach)]
        outside = values[(values < inside.min()) | (values > inside.max())]
        plot.line([(inside.min(), middle), (numbers['Q1'], middle)], style)
        plot.line([(numbers['Q3'], middle), (inside.max(), middle)], style)
        for end in (inside.min(), inside.max()):
            plot.line([(end, middle - 0.1), (end, middle + 0.1)], style)
        plot.box(numbers['Q1'], numbers['Q3'], middle - 0.18, middle + 0.18, f'area {style}')
        plot.line([(numbers['median'], middle - 0.18), (numbers['median'], middle + 0.18)], 'ink')
        plot.dots([(numbers['mean'], middle)], 'hollow', 4)
        plot.dots([(value, middle) for value in outside], style, 2)
        plot.text(0.01, middle + 0.28, f'{name}: median {numbers["median"]:.3f}')
        rows.append([RULES[rule], *(score(value) for value in numbers.values())])
    caption = (
        'Boxes from Q1 to Q3, line: median, ring: mean; whiskers reach the last image within 1.5 '
        'box lengths. Dashed: 0.65, the threshold of the challenge.'
    )
    head = ['rule', *summary(columns['iou'])]
    numbers_table = table(head, rows, 'Quartiles of the IoU')
    return figure('IoU, box plot', plot, caption, {}, details('Numbers', numbers_table))


def histogram(values: NDArray[np.float64]) -> Markup:
    """Draw how many images have which IoU (highest-scoring detection)."""
    counts, _ = np.histogram(values, _EDGES)
    plot = Plot(
        Axis('IoU (Jaccard index) per image', 0, 1, _UNIT),
        Axis('images', 0, 1.05 * max(1, counts.max()), whole=True),
    )
    for left, right, count in zip(_EDGES[:-1], _EDGES[1:], counts, strict=True):
        if count:
            below = left < JACCARD_THRESHOLD
            plot.box(left, right, 0, count, 'bar orange' if below else 'bar blue')
    plot.line([(JACCARD_THRESHOLD, 0), (JACCARD_THRESHOLD, 2 * counts.max())], 'limit dashed')
    few = int((values < JACCARD_THRESHOLD).sum())
    caption = (
        f'{few} of {len(values)} images ({percent(few / len(values))}) lie below 0.65 (dashed) and '
        'count as 0 in the thresholded Jaccard.'
    )
    rows = [
        [f'{left:.2f} to {right:.2f}', int(count)]
        for left, right, count in zip(_EDGES[:-1], _EDGES[1:], counts, strict=True)
    ]
    numbers = table(['IoU', 'images'], rows, 'Histogram of the IoU')
    return figure('IoU, histogram', plot, caption, {}, details('Numbers', numbers))


def score_plot(images: Sequence[ImageScores]) -> Markup:
    """Draw the IoU of every image against the score of its detection."""
    found = [(image.score, image.scores['iou']) for image in images if image.score is not None]
    names = [
        f'{image.image_id}: score {score(image.score)}, IoU {score(image.scores["iou"])}'
        for image in images
        if image.score is not None
    ]
    scores = [value for value, _ in found]
    # Most scores lie near 1; from 0 on they would be one heap.
    low = float(np.floor(10 * min(scores, default=0)) / 10)
    low = min(low, 0.9)
    plot = Plot(Axis('score of the detection', low, 1), Axis('IoU', 0, 1, _UNIT))
    plot.line([(low, JACCARD_THRESHOLD), (1, JACCARD_THRESHOLD)], 'limit dashed')
    plot.dots(found, 'blue see-through', 2.5, names)
    caption = f'{len(found)} images with a detection. '
    overlaps = [iou for _, iou in found]
    bins = binned(scores, overlaps)
    means = [(group['mean_score'], group['mean_iou']) for group in bins]
    plot.line(means, 'orange')
    plot.dots(means, 'orange', 4)
    rho = rank_correlation(scores, overlaps)
    if not np.isnan(rho):
        caption += f'Rank correlation of score and IoU (Spearman): {rho:.2f}. '
    caption += 'A point under the mouse tells its image; the gallery sorts by score and IoU.'
    head = ['score', 'images', 'mean score', 'mean IoU']
    rows = [
        [
            f'{group["score_low"]:.3f} to {group["score_high"]:.3f}',
            group['images'],
            score(group['mean_score']),
            score(group['mean_iou']),
        ]
        for group in bins
    ]
    return figure(
        'Score against IoU',
        plot,
        caption,
        {'means of up to ten groups of equal size, by score': 'orange'},
        details('Numbers', table(head, rows, 'Score and IoU')),
    )
