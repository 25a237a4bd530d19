"""The parts of the report that are numbers and words: scores, anchors, groups, provenance."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isic_mmdet.metrics.core import bootstrap_interval
from isic_mmdet.report.confusion import SCORES as MELANOMA_SCORES
from isic_mmdet.report.html.anchors import ANCHORS
from isic_mmdet.report.html.evaluation import Evaluation
from isic_mmdet.report.html.markup import Markup, details, element, interval, join, score, table
from isic_mmdet.scoring.groups import by_group

_MEANINGS = {
    'iou': 'IoU (Jaccard index) of the highest-scoring detection',
    'iou_thr65': 'thresholded Jaccard of the 2018 challenge: 0 below 0.65',
    'iou_max': 'IoU of the best of all detections (an oracle)',
    'dice': 'Dice',
    'sensitivity': 'sensitivity',
    'specificity': 'specificity',
    'pixel_accuracy': 'pixel accuracy',
    'missed': 'share of images without a detection',
}
_GROUPINGS = {
    'diagnosis': 'Diagnosis',
    'size': 'Image size (megapixels)',
    'share': "Lesion's share of the image",
    'border': 'Border of the image',
    'sex': 'Sex',
    'age': 'Age',
}


def headline_section(evaluation: Evaluation, columns: Mapping[str, NDArray[np.float64]]) -> Markup:
    """Return the scores with their 95 % intervals.

    Args:
        evaluation: of a split.
        columns: its `per_image()`.
    """
    rows = []
    for name, meaning in _MEANINGS.items():
        values = columns[name]
        range_ = bootstrap_interval(values) if len(values) > 1 else (None, None)
        rows.append([meaning, score(float(values.mean())), interval(*range_)])
    for name, meaning in MELANOMA_SCORES.items():
        key = f'melanoma/{name}'
        if key in evaluation.metrics['metrics']:
            value = evaluation.metrics['metrics'][key]
            rows.append([f'melanoma: {meaning}', score(value), '–'])
    iou, thresholded, missed = rows[0], rows[1], int(columns['missed'].sum())
    images = len(evaluation.images)
    return element(
        'section',
        element('h2', 'Scores', id='scores'),
        element(
            'ul',
            _tile(iou[1], 'mean IoU', f'95 % interval {iou[2]}'),
            _tile(thresholded[1], 'thresholded Jaccard', f'95 % interval {thresholded[2]}'),
            _tile(missed, 'images without a detection', f'of {images}'),
            class_='tiles',
        ),
        table(
            ['metric', 'mean', '95 % interval'], rows, f'Means over {images} images, with intervals'
        ),
        element(
            'p',
            'Intervals are percentile bootstraps over the images, 10,000 draws. An image without '
            'a detection counts with an empty mask.',
            class_='note',
        ),
    )


def _tile(number: object, name: str, note: str) -> Markup:
    return element(
        'li',
        element('strong', number),
        element('span', name),
        element('small', note),
    )


def anchors_section() -> Markup:
    """Return what others reached."""
    return element(
        'section',
        element('h2', 'What others reached', id='anchors'),
        table(
            ['who', 'images', 'metric', 'value', 'source'],
            [list(anchor) for anchor in ANCHORS],
            'Published numbers',
        ),
        element(
            'p',
            'Numbers of different images are not comparable: each row names its own.',
            class_='note',
        ),
    )


def confusion_section(evaluation: Evaluation) -> Markup | None:
    """Return the confusion matrix of two-class data, None for others."""
    matrix = evaluation.find('confusion_matrix')
    if matrix is None:
        return None
    rows = []
    for name, counts in zip(matrix['classes'], matrix['counts'], strict=True):
        total = sum(counts)
        cells = [
            [element('b', count), f' ({count / total:.1%})' if total else ''] for count in counts
        ]
        rows.append([f'truth: {name}', *cells, total])
    head = ['', *(f'predicted: {name}' for name in matrix['classes']), 'images']
    return element(
        'section',
        element('h2', 'Confusion matrix', id='confusion'),
        table(head, rows, 'Class of the highest-scoring detection; shares are of the row'),
    )


def groups_section(rows: Sequence[Mapping[str, Any]]) -> Markup | None:
    """Return the scores by group, None where all images are alike as far as is known.

    Args:
        rows: one an image, as `scoring.groups.by_group` takes them.
    """
    groupings = {key: groups for key, groups in by_group(rows).items() if len(groups) > 1}
    if not groupings:
        return None
    lows = [
        group['metrics']['lesion/iou_ci_low'] if group['images'] > 1 else group['metrics'][_IOU]
        for groups in groupings.values()
        for group in groups
    ]
    low = min(0.9, float(np.floor(10 * min(lows)) / 10))
    head = ['group', 'images', 'mean IoU', '95 % interval', f'{low:g} to 1', 'thresholded Jaccard']
    return element(
        'section',
        element('h2', 'Groups', id='groups'),
        [
            table(head, [_group(group, low) for group in groups], _GROUPINGS.get(key, key))
            for key, groups in groupings.items()
        ],
    )


_IOU = 'lesion/iou'


def _group(group: Mapping[str, Any], low: float) -> list[object]:
    metrics, name = group['metrics'], group['group']
    ends = metrics['lesion/iou_ci_low'], metrics['lesion/iou_ci_high']
    if group['images'] < 2:
        words, ends = '–', (metrics[_IOU], metrics[_IOU])
    else:
        words = interval(*ends)
    return [
        name,
        group['images'],
        score(metrics[_IOU]),
        words,
        _range(ends, metrics[_IOU], low),
        score(metrics['lesion/iou_thr65']),
    ]


def _range(ends: tuple[float, float], mean: float, low: float) -> Markup:
    """Draw an interval and its mean between `low` and 1; the numbers stand beside it."""
    first, last, middle = (100 * (value - low) / (1 - low) for value in (*ends, mean))
    return element(
        'svg',
        element('line', x1=0, x2=100, y1=6, y2=6, class_='track'),
        element('line', x1=first, x2=last, y1=6, y2=6, class_='line blue'),
        element('circle', cx=middle, cy=6, r=3.5, class_='dot blue'),
        viewBox='-4 0 108 12',
        class_='range',
        aria_hidden='true',
    )


def provenance_section(evaluation: Evaluation) -> Markup:
    """Return where the numbers come from."""
    find = evaluation.find
    seconds = find('training', 'seconds')
    versions = find('versions') or {}
    facts = {
        'config': find('config'),
        'data': ' '.join(str(find(key)) for key in ('data', 'split') if find(key)),
        'checkpoint': find('checkpoint'),
        'SHA-256 of the checkpoint': find('checkpoint_sha256'),
        'epoch': find('epoch'),
        'trained from': find('training', 'weights'),
        'seed': find('seed'),
        'training command': _command(find('training', 'command')),
        'training hardware': find('training', 'hardware'),
        'training time': None if seconds is None else f'{seconds / 60:.1f} minutes',
        'evaluation command': _command(find('command')),
        'evaluation hardware': find('hardware'),
        'date': find('date'),
        'versions': ', '.join(f'{name} {version}' for name, version in versions.items()),
    }
    entries = [
        [element('dt', name), element('dd', value)]
        for name, value in facts.items()
        if value is not None and value != ''
    ]
    everything = [[name, value] for name, value in evaluation.metrics['metrics'].items()]
    return element(
        'section',
        element('h2', 'Where the numbers come from', id='provenance'),
        element('dl', join(entries)),
        details('All metrics, as in metrics.json', table(['name', 'value'], everything, 'Metrics')),
    )


def _command(text: str | None) -> Markup | None:
    return None if text is None else element('code', text)
