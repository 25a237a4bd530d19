"""The tables that `tools/score.py` prints."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from isic_mmdet.evaluation.calibration import RATINGS
from isic_mmdet.evaluation.per_image import BOUNDARY_COLUMNS
from isic_mmdet.evaluation.scores import JACCARD_THRESHOLD
from isic_mmdet.evaluation.summary import SCORES, full_name

# Columns after mean and interval of `iou` in the tables of groups.
_IN_GROUPS = (
    *('iou_thr65', 'dice', 'pixel_accuracy', 'sensitivity', 'specificity', 'missed'),
    *('hausdorff95_px', 'surface_distance_px'),
)


def format_scores(content: Mapping[str, Any]) -> str:
    """Return what `mask_evaluation.evaluate` returned as text."""
    parts = [_metrics(content)]
    if 'confusion_matrix' in content:
        parts.append(_classes(content['metrics'], content['confusion_matrix']))
    parts += [_groups(key, groups) for key, groups in content.get('groups', {}).items()]
    if 'calibration' in content:
        parts.append(_calibration(content['calibration']))
    if 'comparison' in content:
        parts.append(_comparison(content['comparison']))
    return '\n\n'.join(parts)


def _metrics(content: Mapping[str, Any]) -> str:
    metrics, images = content['metrics'], content['images']
    rows = [
        [name, _number(metrics[full_name(name)]), _interval(metrics, full_name(name))]
        for name in SCORES + BOUNDARY_COLUMNS
        if full_name(name) in metrics
    ]
    rows.append(['missed', _number(metrics['lesion/missed']), ''])
    lines = [f'{images} images', '', _table(['metric', 'mean', '95 % interval'], rows)]
    defined = metrics.get('boundary/images', images)
    if defined < images:
        lines.append(f'boundary metrics: mean over the {defined} images without an empty mask')
    if content['extra_predictions']:
        lines.append(
            f'{content["extra_predictions"]} files or folders of the predictions have no truth and '
            'were ignored'
        )
    lines += [f'note: {note}' for note in content.get('notes', ())]
    return '\n'.join(lines)


def _classes(metrics: Mapping[str, float], matrix: Mapping[str, Any]) -> str:
    classes, positive = matrix['classes'], matrix['positive']
    names = [f'classes/{name}' for name in ('accuracy', 'balanced_accuracy', 'macro_auc')]
    names += [name for name in metrics if name.startswith(f'{positive}/')]
    rows = [
        [name, _number(metrics[f'classes/auc/{name}']), *map(str, counts), str(undetected)]
        for name, counts, undetected in zip(
            classes, matrix['counts'], matrix['no_detection'], strict=True
        )
    ]
    values = _table(['classes', 'value'], [[name, _number(metrics[name])] for name in names])
    head = ['true class', 'AUC', *(f'-> {name}' for name in classes), '-> none']
    return f'{values}\n\n{_table(head, rows)}'


def _groups(key: str, groups: Sequence[Mapping[str, Any]]) -> str:
    names = [name for name in _IN_GROUPS if full_name(name) in groups[0]['metrics']]
    rows = [
        [
            group['group'],
            str(group['images']),
            _number(group['metrics']['lesion/iou']),
            _interval(group['metrics'], 'lesion/iou'),
            *(_number(group['metrics'][full_name(name)]) for name in names),
        ]
        for group in groups
    ]
    return _table([key, 'images', 'iou', '95 % interval', *names], rows)


def _calibration(content: Mapping[str, Any]) -> str:
    known = [name for name in RATINGS if name in content]
    lowest = ', '.join(
        f'{100 * content[name]["failures_in_lowest_tenth"]:.0f} % with the lowest {name}'
        for name in known
    )
    images = content['images']
    lines = [
        f'failures (IoU below {JACCARD_THRESHOLD}): {content["failures"]} of {images} images; in a '
        f'tenth of the images: {lowest}'
    ]
    if 'check' in content:
        check = content['check']
        lines.append(f'to check: {check["images"]} images, {check["failures"]} of them failures')
    return '\n\n'.join(['\n'.join(lines), *(_rating(name, content[name]) for name in known)])


def _rating(name: str, content: Mapping[str, Any]) -> str:
    rows = [
        [
            f'{_number(row["low"])} to {_number(row["high"])}',
            str(row['images']),
            _number(row['mean']),
            _number(row['mean_iou']),
        ]
        for row in content['bins']
    ]
    correlation, error = (_number(content[key]) for key in ('rank_correlation', 'error'))
    title = (
        f'{name} and IoU: rank correlation {correlation} over {content["images"]} images, mean '
        f'difference {error}'
    )
    return f'{title}\n{_table([name, "images", "mean", "mean iou"], rows)}'


def _comparison(content: Mapping[str, Mapping[str, Any]]) -> str:
    rows = [
        [
            key.partition('/')[2],
            *(_number(row[name]) for name in ('value', 'baseline', 'difference')),
            _interval(row),
            f'{100 * row["better_share"]:.1f} %',
            row['better'] or '-',
        ]
        for key, row in content.items()
        if row['images']
    ]
    head = ['metric', 'value', 'baseline', 'difference', '95 % interval', 'better draws', 'better']
    title = (
        'comparison with the baseline by a paired bootstrap over the images (better: the interval '
        'excludes 0)'
    )
    return f'{title}\n{_table(head, rows)}'


def _interval(row: Mapping[str, float], name: str = '') -> str:
    low, high = (row[f'{name}_{end}' if name else end] for end in ('ci_low', 'ci_high'))
    return '-' if math.isnan(low) else f'{_number(low)} to {_number(high)}'


def _number(value: float) -> str:
    return '-' if math.isnan(value) else f'{value:.4f}'


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Align columns: the first to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    return '\n'.join(
        '  '.join(
            cell.rjust(width) if index else cell.ljust(width)
            for index, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in (head, *rows)
    )
