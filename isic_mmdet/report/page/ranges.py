"""Intervals of scores, in words and as a bar on a line that several rows of a table share."""

from collections.abc import Iterable

import numpy as np

from isic_mmdet.report.page.markup import Markup, element, interval


def start_of_scale(values: Iterable[float]) -> float:
    """Return a round value at or below all of these scores, 0.9 at most, where the line begins."""
    return min(0.9, float(np.floor(10 * min(values)) / 10))


def interval_cell(mean: float, ends: tuple[float, float] | None, low: float) -> list[object]:
    """Return an interval in words and drawn; narrow screens show the one above the other.

    Args:
        mean: of it.
        ends: of it; None where there is no interval.
        low: start of the line, which ends at 1.
    """
    words = '–' if ends is None else interval(*ends)
    return [element('span', words, class_='words'), ' ', range_bar(mean, ends, low, 'blue')]


def range_bar(mean: float, ends: tuple[float, float] | None, low: float, style: str) -> Markup:
    """Draw a mean, and its interval if there is one, between `low` and 1."""
    first, last, middle = (100 * (v - low) / (1 - low) for v in (*(ends or (mean, mean)), mean))
    return element(
        'svg',
        element('line', x1=0, x2=100, y1=6, y2=6, class_='track'),
        element('line', x1=first, x2=last, y1=6, y2=6, class_=f'line {style}'),
        element('circle', cx=middle, cy=6, r=3.5, class_=f'dot {style}'),
        viewBox='-4 0 108 12',
        class_='range',
        aria_hidden='true',
    )
