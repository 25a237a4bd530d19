"""The gallery of the report: its controls, and the data that `gallery.js` shows."""

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any

from isic_mmdet.report.page.markup import Markup, details, element, join
from isic_mmdet.report.page.pictures import Picture

_SORTS = {
    'iou': 'IoU, lowest first',
    '-iou': 'IoU, highest first',
    'score': 'score, lowest first',
    '-score': 'score, highest first',
    'share': 'lesion, smallest share first',
    '-share': 'lesion, largest share first',
    'pixels': 'image, smallest first',
    '-pixels': 'image, largest first',
    'diagnosis': 'diagnosis',
    'id': 'name',
}
# Field of the records, its name, largest value, step.
_RANGES = (
    ('iou', 'IoU', 1, 0.01),
    ('score', 'score', 1, 0.01),
    ('share', 'lesion, % of the image', 100, 1),
    ('pixels', 'image, megapixels', None, 0.1),
)


def gallery_records(
    rows: Sequence[Mapping[str, Any]], pictures: Mapping[str, Picture]
) -> list[dict[str, Any]]:
    """Return what the gallery knows of every image; None is not known.

    Args:
        rows: scores and facts of every image.
        pictures: by image id.
    """
    return [
        {
            'id': row['image_id'],
            'iou': row['iou'],
            'iouMax': row['iou_max'],
            'score': row['score'],
            'share': round(100 * row['lesion_share'], 2),
            'pixels': row['height'] * row['width'] / 1e6,
            'size': f'{row["width"]} × {row["height"]}',
            'diagnosis': row['diagnosis'],
            'predicted': row['predicted_label'],
            'age': row['age'],
            'sex': row['sex'],
            'frame': pictures[row['image_id']].frame,
            'truth': pictures[row['image_id']].truth,
            'prediction': pictures[row['image_id']].prediction,
        }
        for row in rows
    ]


def gallery_section(records: Sequence[Mapping[str, Any]]) -> Markup:
    """Return the gallery without its pictures, which `gallery_data` holds.

    Args:
        records: see `gallery_records`.
    """
    diagnoses = sorted({record['diagnosis'] or 'unknown' for record in records})
    options = [element('option', 'all', value='')]
    options += [element('option', name, value=name) for name in diagnoses]
    ranges = [
        element(
            'fieldset',
            element('legend', name),
            _number(field, 'min', f'{name}, at least', 'from', highest, step),
            _number(field, 'max', f'{name}, at most', 'to', highest, step),
        )
        for field, name, highest, step in _RANGES
    ]
    sorts = [element('option', name, value=value) for value, name in _SORTS.items()]
    controls = element(
        'form',
        _labelled('Sort by', element('select', sorts, id='sort')),
        _labelled('Diagnosis', element('select', options, id='diagnosis')),
        _labelled('Name contains', element('input', id='name', type='search', autocomplete='off')),
        element('button', 'Reset', type='reset'),
        details('Filter by numbers', element('div', ranges, class_='ranges')),
        id='controls',
        aria_label='Sort and filter the gallery',
    )
    return element(
        'section',
        element('h2', 'Gallery', id='gallery'),
        element('noscript', element('p', 'The gallery needs JavaScript.')),
        controls,
        element('div', _contour_switches(''), class_='legend'),
        element('p', id='count', role='status'),
        element(
            'p', 'Arrow keys move between the pictures, Enter enlarges one.', class_='note keys'
        ),
        element('ul', id='cards', aria_label='Pictures'),
        _dialog(),
    )


def gallery_data(records: Sequence[Mapping[str, Any]], pictures: Mapping[str, Picture]) -> Markup:
    """Return the records, and every JPEG in an element of its own.

    A browser neither parses nor decodes a JPEG before `gallery.js` asks for its text.
    """
    # "</script>" inside a name must not end the element.
    text = json.dumps(records, ensure_ascii=False, separators=(',', ':')).replace('<', '\\u003c')
    parts = [element('script', Markup(text), type='application/json', id='records')]
    parts += [
        element(
            'script',
            Markup(base64.b64encode(pictures[record['id']].jpeg).decode('ascii')),
            type='text/plain',
            id=f'jpeg-{index}',
        )
        for index, record in enumerate(records)
    ]
    return join(parts)


def _contour_switches(prefix: str) -> list[Markup]:
    """Return check boxes that show and hide the two contours, each with a sample of its line."""
    return [
        element(
            'label',
            element('input', type='checkbox', checked=True, id=f'{prefix}show-{kind}', class_=kind),
            element(
                'svg',
                element('rect', width=36, height=14, rx=3),
                element('path', d='M4 7H32', class_='casing'),
                element('path', d='M4 7H32', class_='contour'),
                viewBox='0 0 36 14',
                class_=f'sample {kind}',
                aria_hidden='true',
            ),
            words,
        )
        for kind, words in (
            ('truth', 'truth (solid)'),
            ('prediction', 'prediction (dashed)'),
        )
    ]


def _dialog() -> Markup:
    return element(
        'dialog',
        element(
            'header',
            element('h3', id='large-name'),
            element('button', 'Previous', type='button', id='previous'),
            element('button', 'Next', type='button', id='next'),
            element('button', 'Close', type='button', id='close'),
        ),
        element('div', element('div', id='large-picture', class_='frame'), id='large-stage'),
        element(
            'aside',
            element('div', _contour_switches('large-'), class_='legend'),
            element('dl', id='large-facts'),
            element('p', 'Arrow keys: the next picture. Escape: back.', class_='note keys'),
        ),
        id='large',
        aria_labelledby='large-name',
    )


def _labelled(words: str, control: Markup) -> Markup:
    return element('label', words, ' ', control)


def _number(
    field: str, end: str, label: str, words: str, highest: float | None, step: float
) -> Markup:
    return element(
        'label',
        words,
        ' ',
        element(
            'input',
            type='number',
            id=f'{field}-{end}',
            min=0,
            max=highest,
            step='any' if highest is None else step,
            aria_label=label,
        ),
    )
