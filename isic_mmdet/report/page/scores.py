"""The scores of the report: means with intervals, by group, and next to published ones."""

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any, NamedTuple

import numpy as np

from isic_mmdet.evaluation.groups import by_group
from isic_mmdet.evaluation.per_image import Row
from isic_mmdet.evaluation.scores import bootstrap_interval
from isic_mmdet.evaluation.summary import values_of
from isic_mmdet.report.confusion import CLASS_SCORES, POSITIVE_SCORES, Confusion, Interval
from isic_mmdet.report.published_results import published

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
_GROUPINGS = {
    'diagnosis': 'Diagnosis',
    'size': 'Image size (megapixels)',
    'share': "Lesion's share of the image",
    'border': 'Border of the image',
    'sex': 'Sex',
    'age': 'Age',
}


class Result(NamedTuple):
    """A score of the model: its meaning in words, its mean and its 95 % interval, if known."""

    meaning: str
    mean: float | None
    ends: Interval | None


def results(
    rows: Sequence[Row], confusion: Confusion | None, metrics: Mapping[str, Any]
) -> dict[str, Result]:
    """Return all scores of an evaluation by their key in `metrics.json`."""
    found = {}
    for name, meaning in _MEANINGS.items():
        missed = np.array([float(row['detections'] == 0) for row in rows])
        values = missed if name == 'missed' else values_of(rows, name)
        ends = bootstrap_interval(values) if len(values) > 1 else None
        found[f'lesion/{name}'] = Result(meaning, float(values.mean()), ends)
    if confusion is None:
        return found
    names: dict[str, str] = {}
    if len(confusion.classes) > 2:
        names |= CLASS_SCORES
        names |= {
            f'classes/auc/{name}': f'{name}: AUC against the rest' for name in confusion.classes
        }
    positive = confusion.positive
    if positive is not None:
        names |= {
            f'{positive}/{key}': f'{positive}: {words}' for key, words in POSITIVE_SCORES.items()
        }
    intervals = {f'{positive}/{key}': ends for key, ends in confusion.positive_intervals().items()}
    return found | {
        key: Result(meaning, metrics[key], intervals.get(key))
        for key, meaning in names.items()
        if key in metrics
    }


def headline(found: Mapping[str, Result], positive: str | None) -> list[dict[str, Any]]:
    """Return the most important scores: `name`, `result` and the first `published` one."""
    names = {'lesion/iou': 'mean IoU', 'lesion/iou_thr65': 'thresholded Jaccard'}
    if positive is not None:
        names |= {f'{positive}/{name}': f'{positive}: {name}' for name in ('recall', 'precision')}
    return [
        {'name': name, 'result': found[key], 'published': next(iter(published(key)), None)}
        for key, name in names.items()
        if key in found
    ]


def comparisons(found: Mapping[str, Result]) -> list[dict[str, Any]]:
    """Return `result`, `published` ones and the `low` end of a common scale, by metric."""
    compared = []
    for key, result in found.items():
        others = published(key)
        if others and result.mean is not None:
            numbers = [*(other.value for other in others), result.mean, *(result.ends or ())]
            compared.append({'result': result, 'published': others, 'low': _scale_start(numbers)})
    return compared


def groups(rows: Sequence[Row]) -> dict[str, Any] | None:
    """Return the scores of groups of images, None if all images are alike.

    Args:
        rows: one per image, see `evaluation.groups.by_group`.

    Returns:
        `tables`, the groups of `by_group` by title; and `low`, the start of their common scale.
    """
    found = by_group(rows)
    tables = {_GROUPINGS[key]: members for key, members in found.items() if len(members) > 1}
    if not tables:
        return None
    names = ('lesion/iou', 'lesion/iou_ci_low', 'lesion/iou_ci_high')
    members = chain.from_iterable(tables.values())
    numbers = [group['metrics'][name] for group in members for name in names]
    return {'tables': tables, 'low': _scale_start(numbers)}


def _scale_start(numbers: Sequence[float]) -> float:
    """Return a round value at or below all of these scores, 0.9 at most; NaN is ignored."""
    return min(0.9, float(np.floor(10 * np.nanmin(numbers)) / 10))
