"""The scores of groups of images, such as those of a diagnosis, as tables of the report."""

from collections.abc import Mapping, Sequence
from typing import Any

from isic_mmdet.evaluation.groups import by_group
from isic_mmdet.report.page.markup import Markup, element, score, table
from isic_mmdet.report.page.ranges import interval_cell, start_of_scale

_GROUPINGS = {
    'diagnosis': 'Diagnosis',
    'size': 'Image size (megapixels)',
    'share': "Lesion's share of the image",
    'border': 'Border of the image',
    'sex': 'Sex',
    'age': 'Age',
}


def groups_section(rows: Sequence[Mapping[str, Any]]) -> Markup | None:
    """Return the scores by group, None where all images are alike as far as is known.

    Args:
        rows: one an image, as `scoring.groups.by_group` takes them.
    """
    groupings = {key: groups for key, groups in by_group(rows).items() if len(groups) > 1}
    if not groupings:
        return None
    low = start_of_scale(
        value
        for groups in groupings.values()
        for group in groups
        for value in (group['metrics']['lesion/iou'], *(_ends(group) or ()))
    )
    head = [
        'group',
        'images',
        'mean IoU',
        ['95 % interval', element('small', f'line: {low:g} to 1')],
        'thresholded Jaccard',
    ]
    return element(
        'section',
        element('h2', 'Groups', id='groups'),
        [
            table(head, [_group(group, low) for group in groups], _GROUPINGS[key])
            for key, groups in groupings.items()
        ],
    )


def _group(group: Mapping[str, Any], low: float) -> list[object]:
    mean = group['metrics']['lesion/iou']
    return [
        group['group'],
        group['images'],
        score(mean),
        interval_cell(mean, _ends(group), low),
        score(group['metrics']['lesion/iou_thr65']),
    ]


def _ends(group: Mapping[str, Any]) -> tuple[float, float] | None:
    """Return the interval of a group's mean IoU; one image has none."""
    if group['images'] < 2:
        return None
    metrics = group['metrics']
    return metrics['lesion/iou_ci_low'], metrics['lesion/iou_ci_high']
