"""The scores in the model card, from the results of `tools/score.py`."""

from collections.abc import Mapping, Sequence
from typing import Any

from isic_mmdet.report.markdown import UNKNOWN, markdown_table

# Groupings of the card by their titles. Image sizes differ too little, and ages and sexes say
# little about an outline.
_GROUPINGS = {
    'diagnosis': 'diagnosis',
    'share': 'share of the image',
    'border': 'border of the image',
    'hair': 'hair, estimated',
    'skin_tone': 'skin tone, estimated',
}
# Fewer images say too little of a group.
_FEWEST = 5


def model_card_table(results: Mapping[str, Mapping[str, Any]]) -> str:
    """Return one row for all images of each data set and for each of their groups.

    Args:
        results: contents of `scores.json` by the name of the data set.
    """
    rows = []
    for name, result in results.items():
        rows.append(_row(name, 'all', result['images'], result['metrics']))
        for key, title in _GROUPINGS.items():
            rows += [
                _row(name, f'{title}: {each["group"]}', each['images'], each['metrics'])
                for each in result['groups'].get(key, ())
            ]
    columns = ('data', 'images of', 'images', '`iou`', '95 % interval', '`iou_thr65`', '`dice`')
    commands = '\n'.join(f'- {name}: `{each["command"]}`' for name, each in results.items())
    return f'{markdown_table(columns, rows)}\n\nCommands:\n\n{commands}'


def _row(data: str, group: str, images: int, metrics: Mapping[str, float]) -> Sequence[str]:
    if images < _FEWEST:
        return [data, group, str(images), *[UNKNOWN] * 4]
    iou, low, high, thresholded, dice = (
        f'{metrics[f"lesion/{name}"]:.3f}'
        for name in ('iou', 'iou_ci_low', 'iou_ci_high', 'iou_thr65', 'dice')
    )
    return [data, group, str(images), iou, f'{low} to {high}', thresholded, dice]
