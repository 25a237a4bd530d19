"""The scores of the report with their intervals, and beside them what others reached."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from isic_mmdet.evaluation.scores import bootstrap_interval
from isic_mmdet.report.confusion import CLASS_SCORES, SCORES, Confusion, positive_intervals
from isic_mmdet.report.page.evaluation import Evaluation
from isic_mmdet.report.page.markup import Markup, element, interval, score, table
from isic_mmdet.report.page.ranges import interval_cell, range_bar, start_of_scale
from isic_mmdet.report.published_results import ANCHORS

_MEANINGS = {
    'iou': 'IoU (Jaccard index) of the highest-scoring detection',
    'iou_thr65': 'thresholded Jaccard of the 2018 challenge: IoU, 0 below 0.65',
    'iou_max': 'IoU of the best of all detections (an oracle)',
    'dice': 'Dice',
    'sensitivity': 'sensitivity',
    'specificity': 'specificity',
    'pixel_accuracy': 'pixel accuracy',
    'missed': 'share of images without a detection',
}
_TILES = {
    'lesion/iou': 'mean IoU',
    'lesion/iou_thr65': 'thresholded Jaccard',
}
# The same of the positive class, whose name comes first.
_POSITIVE_TILES = ('recall', 'precision')


class _Result(NamedTuple):
    meaning: str
    mean: float | None
    ends: tuple[float, float] | None


def headline_section(evaluation: Evaluation, columns: Mapping[str, NDArray[np.float64]]) -> Markup:
    """Return the scores with their 95 % intervals, and published ones beside them.

    Args:
        evaluation: of a split.
        columns: its `per_image()`.
    """
    confusion = Confusion.of(evaluation.metrics)
    results = _results(evaluation, columns, confusion)
    tiles = dict(_TILES)
    if confusion and confusion.positive:
        positive = confusion.positive
        tiles |= {f'{positive}/{name}': f'{positive}: {name}' for name in _POSITIVE_TILES}
    images, missed = len(evaluation.images), int(columns['missed'].sum())
    return element(
        'section',
        element('h2', 'Scores', id='scores'),
        element(
            'ul',
            [_tile(name, results[key], key) for key, name in tiles.items() if key in results],
            _words(str(missed), 'images without a detection', f'of {images}'),
            class_='tiles',
        ),
        element('h3', 'Beside published numbers'),
        element(
            'div',
            [_published(key, result, evaluation) for key, result in results.items()],
            class_='beside',
        ),
        element(
            'p',
            'Scores on other images are a scale, not a contest: each row names its own.',
            class_='note',
        ),
        element('h3', 'All scores'),
        table(
            ['metric', 'mean', '95 % interval'],
            [
                [result.meaning, score(result.mean), interval(*(result.ends or (None, None)))]
                for result in results.values()
            ],
            f'Means over {images} images',
        ),
        element(
            'p',
            'Intervals are percentile bootstraps over the images, 10,000 draws; a dash: the files '
            'do not tell it. An image without a detection counts with an empty mask.',
            class_='note',
        ),
    )


def _results(
    evaluation: Evaluation,
    columns: Mapping[str, NDArray[np.float64]],
    confusion: Confusion | None,
) -> dict[str, _Result]:
    results = {}
    for name, meaning in _MEANINGS.items():
        values = columns[name]
        ends = bootstrap_interval(values) if len(values) > 1 else None
        results[f'lesion/{name}'] = _Result(meaning, float(values.mean()), ends)
    if confusion is None:
        return results
    metrics = evaluation.metrics['metrics']
    meanings = dict(CLASS_SCORES)
    meanings |= {
        f'classes/auc/{name}': f'{name}: AUC against the rest' for name in confusion.classes
    }
    if len(confusion.classes) > 2:
        results |= {
            key: _Result(meaning, metrics[key], None)
            for key, meaning in meanings.items()
            if key in metrics
        }
    counts = confusion.of_positive()
    intervals = {} if counts is None else positive_intervals(counts)
    for name, meaning in SCORES.items():
        key = f'{confusion.positive}/{name}'
        if key in metrics:
            full = f'{confusion.positive}: {meaning}'
            results[key] = _Result(full, metrics[key], intervals.get(name))
    return results


def _tile(name: str, result: _Result, key: str) -> Markup:
    best_known = next((anchor for anchor in ANCHORS if anchor.metric == key), None)
    notes = [f'95 % interval {interval(*(result.ends or (None, None)))}']
    if best_known:
        notes.append(f'{best_known.who}: {best_known.value:g}, on other images')
    return _words(score(result.mean), name, *notes)


def _words(number: str, name: str, *notes: str) -> Markup:
    return element(
        'li',
        element('strong', number),
        element('span', name),
        [element('small', note) for note in notes],
    )


def _published(key: str, result: _Result, evaluation: Evaluation) -> Markup | None:
    """Return one metric of this model and of others, None where no other is known."""
    others = [anchor for anchor in ANCHORS if anchor.metric == key]
    mean = result.mean
    if not others or mean is None:
        return None
    low = start_of_scale([anchor.value for anchor in others] + [mean, *(result.ends or ())])
    split = ' '.join(str(evaluation.find(k)) for k in ('data', 'split') if evaluation.find(k))
    here = [
        [element('b', 'This model'), element('small', f'{split}, {len(evaluation.images)} images')],
        element('b', score(mean)),
        interval_cell(mean, result.ends, low),
    ]
    rows = [
        [
            [anchor.who, element('small', f'{anchor.images}; {anchor.source}')],
            f'{anchor.value:g}',
            range_bar(anchor.value, None, low, 'orange'),
        ]
        for anchor in others
    ]
    head = ['who', 'value', f'{low:g} to 1']
    return table(head, [here, *rows], result.meaning)
