"""Lets the classes of a config follow those of the data, or of a checkpoint.

A config names the classes of its own data. On other data its heads, its data sets and its losses
change with the classes, so one config serves data of any number of classes.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mmdet.registry import DATASETS
from mmengine.config import Config, ConfigDict

from isic_mmdet.errors import InputError
from isic_mmdet.isic.names import CATEGORIES

_COUNTS = ('num_classes', 'num_things_classes')
_LESION = CATEGORIES['lesion']
#: The palette of Okabe and Ito (2008), which color-blind readers can distinguish.
_PALETTE = (
    *((230, 159, 0), (86, 180, 233), (0, 158, 115), (240, 228, 66)),
    *((0, 114, 178), (213, 94, 0), (204, 121, 167), (0, 0, 0)),
)


def follow_data(cfg: Config, datasets: Sequence[ConfigDict]) -> None:
    """Give a config the classes in the annotation files of its data sets.

    Nothing changes if the config has these classes already. If a file is missing or damaged, or has
    other classes than the first one, the checks before the run report that.

    Args:
        cfg: changed in place.
        datasets: its data sets, in the order of its loaders.
    """
    files = [Path(each.get('data_root') or '', each.ann_file) for each in datasets]
    for path in files:
        names, counts = _categories(path)
        if names:
            follow_classes(cfg, datasets, names, counts)
            return


def follow_classes(
    cfg: Config,
    datasets: Sequence[ConfigDict],
    classes: Sequence[str],
    counts: Mapping[str, int] = {},
) -> None:
    """Give a config other classes, if it does not have these.

    Args:
        cfg: changed in place.
        datasets: its data sets.
        classes: names in the order of the labels.
        counts: number of annotations by class, to balance the classes of a loss; empty for a model
            that is not trained.

    Raises:
        InputError: a head or a loss of the config cannot have these classes.
    """
    if all(_classes_of(dataset) == tuple(classes) for dataset in datasets):
        return
    own = _classes_of(datasets[0])
    palette = [_PALETTE[index % len(_PALETTE)] for index in range(len(classes))]
    for dataset in datasets:
        dataset.metainfo = ConfigDict(classes=tuple(classes), palette=palette)
    _set_counts(cfg.model, own, tuple(classes), counts, str(cfg.filename))


def _classes_of(dataset: ConfigDict) -> tuple[str, ...]:
    kind = DATASETS.get(dataset.type)
    own = getattr(kind, 'METAINFO', {}) | (dataset.get('metainfo') or {})
    return tuple(own.get('classes') or ())


def _categories(path: Path) -> tuple[list[str], Counter[str]]:
    """Return names in the order of the ids, and their numbers of annotations; none if damaged."""
    try:
        coco = json.loads(path.read_text(encoding='utf-8'))
        names = {each['id']: each['name'] for each in coco['categories']}
        ordered = [str(names[key]) for key in sorted(names)]
        counts = Counter(str(names[each['category_id']]) for each in coco['annotations'])
    except (OSError, ValueError, RecursionError, KeyError, TypeError, AttributeError):
        return [], Counter()
    return ordered, counts


def _set_counts(
    node: dict[str, Any],
    own: tuple[str, ...],
    classes: tuple[str, ...],
    counts: Mapping[str, int],
    config: str,
) -> None:
    """Set the number of classes of every head; `datasets.checks` has the same rules.

    A number that does not fit the config's `own` classes stays, and `datasets.checks` reports it.
    """
    old = None
    for key in _COUNTS:
        if node.get(key) == len(own):
            old, node[key] = node[key], len(classes)
    for key, value in node.items():
        if key == 'rpn_head':
            continue
        inner, inner_own = classes, own
        if 'diagnosis_head' in node:
            if key != 'diagnosis_head':
                inner, inner_own = _LESION, _LESION
            if len(classes) < 2:
                raise InputError(
                    f'{config} has a diagnosis_head, which distinguishes classes, and the data '
                    f'have the one class {classes[0]}; use a config without diagnosis_head, such '
                    'as configs/isic2018_maskrcnn_lite.py'
                )
        for child in value if isinstance(value, (list, tuple)) else [value]:
            if isinstance(child, dict):
                if old is not None and child.get('class_weight') is not None:
                    child['class_weight'] = _weights(child['class_weight'], old, inner, counts)
                _set_counts(child, inner_own, inner, counts, config)


def _weights(
    weights: Sequence[float], old: int, classes: tuple[str, ...], counts: Mapping[str, int]
) -> list[float]:
    """Return the weights of the classes of a loss; those behind the classes, of background, stay.

    Equal weights stay equal. Others balanced the old classes, so the new ones balance the new
    classes: class k of K with n_k of n annotations gets n / (K n_k).
    """
    ours, rest = list(weights[:old]), list(weights[old:])
    if len(set(ours)) == 1:
        return ours[:1] * len(classes) + rest
    total = sum(counts[name] for name in classes if name in counts)
    balanced = [
        round(total / (len(classes) * counts[name]), 2) if counts.get(name) else 1.0
        for name in classes
    ]
    return balanced + rest
