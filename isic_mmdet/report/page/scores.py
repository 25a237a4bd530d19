"""The scores of the report: means with intervals, by group, and next to published ones."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from isic_mmdet.evaluation.groups import by_group
from isic_mmdet.evaluation.scores import bootstrap_interval
from isic_mmdet.report.confusion import (
    CLASS_SCORES,
    POSITIVE_SCORES,
    Confusion,
    Interval,
    positive_intervals,
)
from isic_mmdet.report.page.evaluation import Evaluation
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
    """A score of the model.

    Attributes:
        meaning: of the metric, in words.
        mean: None if it is undefined.
        ends: 95 % interval, None if it is not known.
    """

    meaning: str
    mean: float | None
    ends: Interval | None


def results(evaluation: Evaluation, confusion: Confusion | None) -> dict[str, Result]:
    """Return all scores of an evaluation by their key in `metrics.json`."""
    found = {}
    columns = evaluation.per_image()
    for name, meaning in _MEANINGS.items():
        values = columns[name]
        ends = bootstrap_interval(values) if len(values) > 1 else None
        found[f'lesion/{name}'] = Result(meaning, float(values.mean()), ends)
    if confusion is None:
        return found
    metrics = evaluation.metrics['metrics']
    names: dict[str, str] = {}
    if len(confusion.classes) > 2:
        names |= CLASS_SCORES
        names |= {
            f'classes/auc/{name}': f'{name}: AUC against the rest' for name in confusion.classes
        }
    intervals = {}
    counts = confusion.of_positive()
    if counts is not None:
        positive = confusion.positive
        names |= {
            f'{positive}/{name}': f'{positive}: {words}' for name, words in POSITIVE_SCORES.items()
        }
        intervals = {f'{positive}/{k}': ends for k, ends in positive_intervals(counts).items()}
    for key, meaning in names.items():
        if key in metrics:
            found[key] = Result(meaning, metrics[key], intervals.get(key))
    return found


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
    return [
        {
            'result': result,
            'published': others,
            'low': _scale_start([other.value for other in others] + _numbers(result)),
        }
        for key, result in found.items()
        if result.mean is not None and (others := published(key))
    ]


def groups(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """Return the scores of groups of images, None if all images are alike.

    Args:
        rows: one per image, see `evaluation.groups.by_group`.

    Returns:
        `tables`, lists of groups by title, each with `name`, `images`, `iou` and `thr65`; and
        `low`, the start of their common scale.
    """
    tables = {
        _GROUPINGS[key]: [
            {
                'name': group['group'],
                'images': group['images'],
                'iou': _group_iou(group),
                'thr65': group['metrics']['lesion/iou_thr65'],
            }
            for group in members
        ]
        for key, members in by_group(rows).items()
        if len(members) > 1
    }
    if not tables:
        return None
    numbers = [n for table in tables.values() for group in table for n in _numbers(group['iou'])]
    return {'tables': tables, 'low': _scale_start(numbers)}


def _group_iou(group: Mapping[str, Any]) -> Result:
    metrics = group['metrics']
    ends = metrics['lesion/iou_ci_low'], metrics['lesion/iou_ci_high']
    # A single image has no interval.
    return Result('IoU', metrics['lesion/iou'], ends if group['images'] > 1 else None)


def _numbers(result: Result) -> list[float]:
    return [value for value in (result.mean, *(result.ends or ())) if value is not None]


def _scale_start(values: Sequence[float]) -> float:
    """Return a round value at or below all of these scores, 0.9 at most."""
    return min(0.9, float(np.floor(10 * min(values)) / 10))
