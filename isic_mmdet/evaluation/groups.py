"""The metrics of groups of images: by diagnosis, patient, image and lesion."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from isic_mmdet.errors import InputError
from isic_mmdet.evaluation.summary import summarize

UNKNOWN = 'unknown'

Row = Mapping[str, Any]


def by_group(rows: Sequence[Row], keys: Sequence[str] = ()) -> dict[str, list[dict[str, Any]]]:
    """Return the metrics of each group of images.

    Args:
        rows: one an image, see `mask_scores.score_pair`; `diagnosis`, `sex` and `age` where known.
        keys: of `GROUPINGS`; none takes every one of which something is known.

    Returns:
        For each key its groups in their natural order, those images of which nothing is known
        last: `group`, `images` and `metrics` as `summary.summarize` returns them.

    Raises:
        InputError: nothing is known of a key that was asked for.
    """
    members = {key: _members(rows, key) for key in keys or GROUPINGS}
    blank = [key for key, groups in members.items() if groups.keys() == {UNKNOWN}]
    if keys and blank:
        raise InputError(
            f'nothing is known of {", ".join(blank)}; diagnosis, sex and age come from an'
            ' annotation file of data with labels, size, share and border from the masks of the'
            ' truth'
        )
    return {
        key: [
            {'group': group, 'images': len(images), 'metrics': summarize(images)}
            for group, images in sorted(groups.items(), key=lambda item: _order(key, item[0]))
        ]
        for key, groups in members.items()
        if key not in blank
    }


def _members(rows: Sequence[Row], key: str) -> dict[str, list[Row]]:
    groups: defaultdict[str, list[Row]] = defaultdict(list)
    for row in rows:
        groups[GROUPINGS[key](row) or UNKNOWN].append(row)
    return groups


def _order(key: str, group: str) -> tuple[bool, int, str]:
    names = _ORDER.get(key, ())
    return group == UNKNOWN, names.index(group) if group in names else len(names), group


def _in_bins(value: float | None, edges: Sequence[float], names: Sequence[str]) -> str | None:
    """Name the bin of a value; a value at an edge is in the upper bin."""
    return None if value is None else names[bisect_right(edges, value)]


def _size(row: Row) -> str | None:
    return _in_bins(row['height'] * row['width'] / 1e6, (1, 4, 8), _ORDER['size'])


def _share(row: Row) -> str | None:
    return _in_bins(row.get('lesion_share'), (0.05, 0.2, 0.5), _ORDER['share'])


def _border(row: Row) -> str | None:
    touches = row.get('touches_border')
    return None if touches is None else _ORDER['border'][touches]


def _age(row: Row) -> str | None:
    return _in_bins(row.get('age'), (30, 50, 70), _ORDER['age'])


_ORDER = {
    'size': ('below 1 MP', '1 to 4 MP', '4 to 8 MP', '8 MP and more'),
    'share': ('below 5 %', '5 to 20 %', '20 to 50 %', '50 % and more'),
    'border': ('inside the image', 'touches the border'),
    'age': ('below 30', '30 to 49', '50 to 69', '70 and more'),
}

#: What images can be grouped by, and how a row tells its group (None: not known).
GROUPINGS: dict[str, Callable[[Row], str | None]] = {
    'diagnosis': lambda row: row.get('diagnosis'),
    'size': _size,
    'share': _share,
    'border': _border,
    'sex': lambda row: row.get('sex'),
    'age': _age,
}
