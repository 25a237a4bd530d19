"""A matplotlib figure as SVG inside an HTML page, in the colors of the page's theme."""

import io
from collections.abc import Iterable
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from markupsafe import Markup

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SVG = '{http://www.w3.org/2000/svg}'
_HREF = '{http://www.w3.org/1999/xlink}href'


def figure_svg(figure: 'Figure', title: str, points: Iterable[str] = ()) -> Markup:
    """Return a figure as an inline `<svg>`. The same figure gives the same text.

    The page's security policy forbids style attributes, so styles become presentation attributes.
    The style sheet overrides their colors, such as `[fill="#000000"]`, in light and dark mode.

    Args:
        figure: its background becomes transparent.
        title: what the figure shows, for screen readers; unique on the page.
        points: texts to show when the mouse is on a point of the collection with the gid `points`.
    """
    import matplotlib

    text = io.StringIO()
    # Text stays text. The ids of markers and clip paths depend on the content and on the title.
    with matplotlib.rc_context({'svg.fonttype': 'none', 'svg.hashsalt': title}):
        figure.savefig(text, format='svg', transparent=True, metadata={'Date': None})
    root = ElementTree.fromstring(text.getvalue())
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag in (f'{_SVG}metadata', f'{_SVG}style'):
                parent.remove(child)
    marks = root.iterfind(f".//{_SVG}g[@id='points']//{_SVG}use")
    for mark, point in zip(marks, points, strict=False):
        ElementTree.SubElement(mark, f'{_SVG}title').text = point
    for element in root.iter():
        _adapt(element)
    for attribute in ('width', 'height', 'version'):
        root.attrib.pop(attribute, None)
    root.attrib |= {'class': 'plot', 'role': 'img', 'aria-label': title}
    return Markup(ElementTree.tostring(root, encoding='unicode', short_empty_elements=False))


def _adapt(element: ElementTree.Element) -> None:
    """Rename an element and its attributes to what HTML and the security policy accept."""
    element.tag = element.tag.removeprefix(_SVG)
    attributes = element.attrib
    for declaration in attributes.pop('style', '').split(';'):
        key, _, value = declaration.partition(':')
        if key.strip() and key.strip() != 'font-family':
            attributes[key.strip()] = value.strip()
    if element.tag == 'g':
        attributes.pop('id', None)  # the same in every figure, and never referenced
    if _HREF in attributes:
        attributes['href'] = attributes.pop(_HREF)
    if 'd' in attributes:
        attributes['d'] = ' '.join(attributes['d'].split())
