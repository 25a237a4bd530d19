"""The scores of the report: means with intervals, by group, and next to published ones."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from isic_mmdet.evaluation.groups import by_group
from isic_mmdet.evaluation.per_image import Row
from isic_mmdet.evaluation.scores import bootstrap_interval
from isic_mmdet.evaluation.summary import values_of
from isic_mmdet.report.confusion import CLASS_SCORES, POSITIVE_SCORES, Confusion, Interval
from isic_mmdet.report.published_results import (
    PROTOCOLS,
    Comparison,
    Protocol,
    comparisons,
)

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


class Result(NamedTuple):
    """A score of the model: its meaning in words, its mean and its 95 % interval, if known."""

    meaning: str
    mean: float | None
    ends: Interval | None
    comparable: Sequence[Comparison]  # published, on the same kind of images
    others: Sequence[Comparison]  # published, on other images

    @property
    def published(self) -> Sequence[Comparison]:
        """All published values of this score, the comparable ones first."""
        return [*self.comparable, *self.others]

    @property
    def low(self) -> float:
        """Start of a scale that shows this score and the published ones."""
        numbers = [*(self.ends or ()), *(float(each.value) for each in self.published)]
        return _scale_start(numbers if self.mean is None else [*numbers, self.mean])


def results(
    rows: Sequence[Row],
    confusion: Confusion | None,
    metrics: Mapping[str, Any],
    protocol: Protocol | None,
) -> dict[str, Result]:
    """Return all scores by their key in `metrics.json`; published ones of `protocol` compare."""
    found: dict[str, tuple[str, float | None, Interval | None]] = {}
    for name, meaning in _MEANINGS.items():
        missed = np.array([float(row['detections'] == 0) for row in rows])
        values = missed if name == 'missed' else values_of(rows, name)
        ends = bootstrap_interval(values) if len(values) > 1 else None
        found[f'lesion/{name}'] = meaning, float(values.mean()), ends
    if confusion is not None:
        names: dict[str, str] = {}
        if len(confusion.classes) > 2:
            names |= CLASS_SCORES
            for name in confusion.classes:
                names[f'classes/auc/{name}'] = f'{name}: AUC against the rest'
        if confusion.positive is not None:
            for key, words in POSITIVE_SCORES.items():
                names[f'{confusion.positive}/{key}'] = f'{confusion.positive}: {words}'
        intervals = confusion.positive_intervals()
        for key, meaning in names.items():
            if key in metrics:
                found[key] = meaning, metrics[key], intervals.get(key)
    others = [each for each in PROTOCOLS if each is not protocol]
    return {
        key: Result(
            *values, comparisons(key, [protocol] if protocol else []), comparisons(key, others)
        )
        for key, values in found.items()
    }


def groups(rows: Sequence[Row]) -> dict[str, Any] | None:
    """Return the `tables` of `by_group` with several groups, and the `low` end of their scale."""
    tables = {key: members for key, members in by_group(rows).items() if len(members) > 1}
    if not tables:
        return None
    names = ('lesion/iou', 'lesion/iou_ci_low', 'lesion/iou_ci_high')
    numbers = [
        group['metrics'][name] for members in tables.values() for group in members for name in names
    ]
    return {'tables': tables, 'low': _scale_start(numbers)}


def _scale_start(numbers: Sequence[float]) -> float:
    """Return a round value at or below all of these scores, 0.9 at most; NaN is ignored."""
    return min(0.9, float(np.floor(10 * np.nanmin(numbers)) / 10))
