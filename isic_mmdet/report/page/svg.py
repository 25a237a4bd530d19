"""A matplotlib figure as SVG inside an HTML page, in the colors of the page's theme."""

import io
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from markupsafe import Markup

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SVG = '{http://www.w3.org/2000/svg}'
_HREF = '{http://www.w3.org/1999/xlink}href'
_REFERENCE = re.compile(r'#([pm]\w+)')


def figure_svg(figure: 'Figure', name: str, title: str, points: Sequence[str] = ()) -> Markup:
    """Return a figure as an inline `<svg>`. The same figure gives the same text.

    The page's security policy forbids style attributes, so styles become presentation attributes.
    The style sheet overrides their colors, such as `[fill="#000000"]`, in light and dark mode.

    Args:
        figure: to draw; its background becomes transparent.
        name: unique on the page; the beginning of all ids.
        title: what the figure shows, for screen readers.
        points: texts that appear when the mouse is on a point, for the points of the collection
            with the gid `points`.
    """
    import matplotlib

    text = io.StringIO()
    # Text stays text, and the ids depend on the content only.
    with matplotlib.rc_context({'svg.fonttype': 'none', 'svg.hashsalt': name}):
        figure.savefig(text, format='svg', transparent=True, metadata={'Date': None})
    root = ElementTree.fromstring(text.getvalue())
    for child in root.findall(f'{_SVG}metadata'):
        root.remove(child)
    for parent in root.iter(f'{_SVG}defs'):
        for style in parent.findall(f'{_SVG}style'):
            parent.remove(style)
    for group in root.iter(f'{_SVG}g'):
        if group.get('id') == 'points':
            _add_titles(group, points)
    for element in root.iter():
        _adapt(element, name)
    for attribute in ('width', 'height', 'version'):
        root.attrib.pop(attribute, None)
    root.attrib |= {'class': 'plot', 'role': 'img', 'aria-label': title}
    return Markup(ElementTree.tostring(root, encoding='unicode', short_empty_elements=False))


def _add_titles(group: ElementTree.Element, titles: Sequence[str]) -> None:
    for parent in list(group.iter(f'{_SVG}g')):
        marks = parent.findall(f'{_SVG}use')
        for mark, title in zip(marks, titles, strict=False):
            ElementTree.SubElement(mark, f'{_SVG}title').text = title


def _adapt(element: ElementTree.Element, name: str) -> None:
    """Rename an element and its attributes to what HTML and the security policy accept."""
    element.tag = element.tag.removeprefix(_SVG)
    attributes = dict(element.attrib)
    for declaration in attributes.pop('style', '').split(';'):
        key, _, value = declaration.partition(':')
        if key.strip() and key.strip() != 'font-family':
            attributes[key.strip()] = value.strip()
    if element.tag == 'g':
        attributes.pop('id', None)  # the same in every figure, and never referenced
    elif 'id' in attributes:
        attributes['id'] = f'{name}-{attributes["id"]}'
    if _HREF in attributes:
        attributes['href'] = attributes.pop(_HREF)
    for key in ('href', 'clip-path'):
        if key in attributes:
            attributes[key] = _REFERENCE.sub(rf'#{name}-\1', attributes[key])
    if 'd' in attributes:
        attributes['d'] = ' '.join(attributes['d'].split())
    element.attrib.clear()
    element.attrib.update(attributes)
