"""A small plot as inline SVG. Its colors are classes of the style sheet, for light and dark."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest

import numpy as np
from numpy.typing import NDArray

from isic_mmdet.report.page.markup import Markup, element

Points = Sequence[Sequence[float]] | NDArray[np.float64]

# Narrow, so that the text is still readable where a telephone shows it 340 pixels wide.
WIDTH, HEIGHT = 420, 290
LEFT, RIGHT, TOP, BOTTOM = 62, 12, 14, 44


@dataclass(frozen=True)
class Axis:
    """One axis of a plot.

    Attributes:
        label: what it measures.
        low: value at its start.
        high: value at its end, above `low`.
        ticks: values that are marked; None marks round ones.
        whole: whether only whole numbers are marked.
    """

    label: str
    low: float
    high: float
    ticks: Sequence[float] | None = None
    whole: bool = False

    def marks(self) -> list[float]:
        """Return the values that are marked."""
        if self.ticks is not None:
            return list(self.ticks)
        from matplotlib.ticker import MaxNLocator

        values = MaxNLocator(5, steps=[1, 2, 5, 10], integer=self.whole).tick_values(
            self.low, self.high
        )
        margin = 1e-9 * (self.high - self.low)
        return [float(v) for v in values if self.low - margin <= v <= self.high + margin]


class Plot:
    """Maps values to coordinates and collects what is drawn.

    Args:
        x: horizontal axis.
        y: vertical axis.
    """

    def __init__(self, x: Axis, y: Axis) -> None:
        self._x, self._y = x, y
        self._parts = [self._grid()]

    def x(self, value: float) -> float:
        """Return the horizontal coordinate of a value."""
        share = (value - self._x.low) / (self._x.high - self._x.low)
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    def y(self, value: float) -> float:
        """Return the vertical coordinate of a value."""
        share = (value - self._y.low) / (self._y.high - self._y.low)
        return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)

    def line(self, points: Points, style: str) -> None:
        """Join (x, y) values; what leaves the plot is cut off."""
        path = ' '.join(f'{self.x(x):.1f},{self.y(y):.1f}' for x, y in points)
        self._add('polyline', points=path, class_=f'line {style}', clip_path='url(#plot-area)')

    def dots(
        self, points: Points, style: str, radius: float = 3.0, names: Sequence[str] = ()
    ) -> None:
        """Mark (x, y) values; names, one a point, are shown where the mouse rests."""
        for (x, y), name in zip_longest(points, names):
            title = None if name is None else element('title', name)
            self._add('circle', title, cx=self.x(x), cy=self.y(y), r=radius, class_=f'dot {style}')

    def box(self, left: float, right: float, low: float, high: float, style: str) -> None:
        """Draw a rectangle between values of x and of y."""
        self._add(
            'rect',
            x=self.x(left),
            y=self.y(high),
            width=self.x(right) - self.x(left),
            height=self.y(low) - self.y(high),
            class_=style,
        )

    def text(self, x: float, y: float, words: str, anchor: str = 'start') -> None:
        """Write at a pair of values."""
        self._parts.append(element('text', words, x=self.x(x), y=self.y(y), text_anchor=anchor))

    def markup(self, title: str) -> Markup:
        """Return the SVG; its caption and the table below tell what it shows."""
        return element(
            'svg',
            *self._parts,
            viewBox=f'0 0 {WIDTH} {HEIGHT}',
            class_='plot',
            role='img',
            aria_label=title,
        )

    def _add(self, name: str, *children: Markup | None, **attributes: object) -> None:
        self._parts.append(element(name, *children, **attributes))

    def _grid(self) -> Markup:
        bottom, right = HEIGHT - BOTTOM, WIDTH - RIGHT
        parts = []
        for value in self._x.marks():
            x = self.x(value)
            parts.append(element('line', x1=x, x2=x, y1=TOP, y2=bottom))
            parts.append(element('text', f'{value:g}', x=x, y=bottom + 17, text_anchor='middle'))
        for value in self._y.marks():
            y = self.y(value)
            parts.append(element('line', x1=LEFT, x2=right, y1=y, y2=y))
            parts.append(element('text', f'{value:g}', x=LEFT - 6, y=y + 4, text_anchor='end'))
        middle = (TOP + bottom) / 2
        parts.append(
            element('text', self._x.label, x=(LEFT + right) / 2, y=HEIGHT - 6, text_anchor='middle')
        )
        parts.append(
            element(
                'text',
                self._y.label,
                x=14,
                y=middle,
                text_anchor='middle',
                transform=f'rotate(-90 14 {middle:.0f})',
            )
        )
        return element('g', parts, class_='grid')


def clip() -> Markup:
    """Return the definition of the area that lines are cut to; a page needs it once."""
    area = element('rect', x=LEFT, y=TOP, width=WIDTH - LEFT - RIGHT, height=HEIGHT - TOP - BOTTOM)
    return element(
        'svg',
        element('clipPath', area, id='plot-area'),
        width=0,
        height=0,
        class_='hidden',
        aria_hidden='true',
    )


def figure(title: str, plot: Plot, caption: str, styles: dict[str, str], *more: Markup) -> Markup:
    """Return a plot with its caption, and the meaning of its line styles.

    Args:
        title: of the plot.
        plot: as drawn.
        caption: what it shows.
        styles: what a style's name in the style sheet stands for, to the style.
        more: what follows the caption, such as the numbers.
    """
    keys = [element('li', key(style), name) for name, style in styles.items()]
    legend = element('ul', keys, class_='legend') if keys else None
    return element(
        'figure',
        element('h3', title),
        plot.markup(title),
        element('figcaption', legend, element('p', caption)),
        *more,
    )


def key(style: str) -> Markup:
    """Return a sample of a line style."""
    line = element('line', x1=1, x2=27, y1=6, y2=6, class_=f'line {style}')
    return element('svg', line, viewBox='0 0 28 12', class_='key', aria_hidden='true')
