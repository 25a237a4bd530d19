"""The metrics of groups of images: by diagnosis, patient, image and lesion."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from isic_mmdet.errors import InputError
from isic_mmdet.evaluation.per_image import Row
from isic_mmdet.evaluation.summary import summarize

UNKNOWN = 'unknown'
#: What images can be grouped by.
GROUPINGS = ('diagnosis', 'size', 'share', 'border', 'sex', 'age', 'hair', 'skin_tone')

#: Groups of skin tones, from the lowest typology angle to the highest.
SKIN_TONES = ('dark', 'brown', 'tan', 'intermediate', 'light', 'very light')

# Edges and names of the bins; a value at an edge is in the upper bin.
_BINS = {
    'size': ((1, 4, 8), ('below 1 MP', '1 to 4 MP', '4 to 8 MP', '8 MP and more')),
    'share': ((0.05, 0.2, 0.5), ('below 5 %', '5 to 20 %', '20 to 50 %', '50 % and more')),
    'border': ((1,), ('inside the image', 'touches the border')),
    'hair': ((0.005, 0.04), ('no or few hairs', 'some hair', 'much hair')),
    'age': ((30, 50, 70), ('below 30', '30 to 49', '50 to 69', '70 and more')),
}


def by_group(rows: Sequence[Row], keys: Sequence[str] = ()) -> dict[str, list[dict[str, Any]]]:
    """Return the metrics of each group of images.

    Args:
        rows: one per image.
        keys: of `GROUPINGS`; empty takes all that are known for some image.

    Returns:
        For each key its groups in their natural order, the images without a known value last:
        `group`, `images` and `metrics` as `summary.summarize` returns them.

    Raises:
        InputError: a requested key is not known for any image.
    """
    members: dict[str, defaultdict[str, list[Row]]] = {}
    for key in keys or GROUPINGS:
        members[key] = defaultdict(list)
        for row in rows:
            members[key][_group(row, key) or UNKNOWN].append(row)
    blank = [key for key, groups in members.items() if groups.keys() == {UNKNOWN}]
    if keys and blank:
        raise InputError(
            f'nothing is known of {", ".join(blank)}; give an annotation file with diagnosis, sex '
            'and age, masks of the truth for share and border, and --images for hair and skin_tone'
        )
    return {
        key: [
            {'group': group, 'images': len(images), 'metrics': summarize(images)}
            for group, images in sorted(groups.items(), key=lambda item: _order(key, item[0]))
        ]
        for key, groups in members.items()
        if key not in blank
    }


def _group(row: Row, key: str) -> str | None:
    """Return the group of an image, None if it is not known."""
    if key not in _BINS:
        return row.get(key)
    value = {
        'size': row['height'] * row['width'] / 1e6,
        'share': row.get('lesion_share'),
        'border': row.get('touches_border'),
        'hair': row.get('hair'),
        'age': row.get('age'),
    }[key]
    edges, names = _BINS[key]
    return None if value is None else names[bisect_right(edges, value)]


def _order(key: str, group: str) -> tuple[bool, int, str]:
    names = _BINS[key][1] if key in _BINS else SKIN_TONES if key == 'skin_tone' else ()
    return group == UNKNOWN, names.index(group) if group in names else len(names), group
