"""Building HTML and SVG so that no text from a file is ever taken for markup."""

import html
from collections.abc import Sequence


class Markup(str):
    """Text that is HTML already; everything else is escaped."""

    __slots__ = ()


def element(tag: str, /, *children: object, **attributes: object) -> Markup:
    """Return an HTML or SVG element.

    Args:
        tag: its name.
        children: markup as it is, other values as escaped text, sequences one by one; None is
            left out.
        attributes: an underscore at the end is dropped (`class_`), others become hyphens
            (`stroke_width`). True gives the bare attribute, None and False none. Floats, which
            are coordinates, are rounded to two digits.
    """
    words = [tag]
    for key, value in attributes.items():
        key = key.removesuffix('_').replace('_', '-')
        if value is True:
            words.append(key)
        elif value is not None and value is not False:
            words.append(f'{key}="{html.escape(_text(value))}"')
    start = f'<{" ".join(words)}>'
    if tag in _VOID:
        return Markup(start)
    return Markup(f'{start}{join(children)}</{tag}>')


def join(children: object) -> Markup:
    """Return children of any nesting as one piece of markup."""
    if children is None:
        return Markup('')
    if isinstance(children, Markup):
        return children
    if isinstance(children, (list, tuple)):
        return Markup(''.join(map(join, children)))
    return Markup(html.escape(_text(children)))


def table(
    head: Sequence[object], rows: Sequence[Sequence[object]], caption: str | None = None
) -> Markup:
    """Return a table whose first column names the rows; narrow screens scroll it sideways."""
    parts = [
        element('caption', caption) if caption else None,
        element('thead', element('tr', [element('th', cell, scope='col') for cell in head])),
        element(
            'tbody',
            [
                element(
                    'tr',
                    element('th', first, scope='row'),
                    [element('td', cell) for cell in cells],
                )
                for first, *cells in rows
            ],
        ),
    ]
    # A region that scrolls has to be reachable with the keyboard.
    label = caption or 'table'
    return element(
        'div', element('table', parts), class_='wide', tabindex=0, role='region', aria_label=label
    )


def details(summary: str, *children: object) -> Markup:
    """Return what is folded away until it is asked for."""
    return element('details', element('summary', summary), *children)


def score(value: float | None) -> str:
    """Return a score with three digits, a dash where there is none."""
    return '–' if value is None else f'{value:.3f}'


def interval(low: float | None, high: float | None) -> str:
    """Return a 95 % interval, a dash where there is none."""
    return '–' if low is None or high is None else f'{low:.3f} to {high:.3f}'


def percent(share: float) -> str:
    """Return a share as it is written in text: `11.1 %`."""
    return f'{100 * share:.1f} %'


_VOID = {'meta', 'input', 'br', 'img'}


def _text(value: object) -> str:
    return f'{value:.2f}'.rstrip('0').rstrip('.') if isinstance(value, float) else str(value)
