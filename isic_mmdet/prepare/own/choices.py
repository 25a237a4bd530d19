"""The plan of an own data set: classes, splits and folds of its samples."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from isic_mmdet.errors import InputError
from isic_mmdet.isic.layouts import PairError
from isic_mmdet.prepare.convert import Sample
from isic_mmdet.prepare.own.assign import DEFAULT_SPLIT, assign, read_splitting, unfound
from isic_mmdet.prepare.own.classes import image_classes
from isic_mmdet.prepare.own.label_table import LabelTable, read_label_table
from isic_mmdet.prepare.plan import Plan

_NEED_LABELS = ('label_column', 'group_column')


@dataclass(frozen=True)
class Choices:
    """Labels, classes and splits of an own data set; see `tools/prepare_folder.py`."""

    labels: Path | None = None
    id_column: str = 'image_id'
    label_column: str | None = None
    group_column: str | None = None
    classes: str | None = None
    split: str = DEFAULT_SPLIT
    seed: int = 0
    folds: int | None = None


def own_plan(
    dataset: str,
    samples: Mapping[str, Sample],
    choices: Choices,
    categories: Mapping[str, Sequence[str]] = {},
    errors: Sequence[PairError] = (),
    notes: Sequence[str] = (),
    group_of: Mapping[str, str] = {},
) -> Plan:
    """Decide class and split of every sample.

    Args:
        dataset: its name, for messages.
        samples: by id, in id order.
        choices: how.
        categories: of the outlines by image id, where an annotation file has some.
        errors: of images without a sample.
        notes: for the report.
        group_of: groups by image id that the data set is known for; a group column replaces them.

    Raises:
        InputError: the labels, rules or lists do not fit the samples, or no image is left.
    """
    table = _table(choices, list(samples))
    found = image_classes(list(samples), table, categories, choices.classes)
    known = [*samples, *(error.isic_id for error in errors)]
    splitting = read_splitting(choices.split, known, choices.seed, choices.folds)
    errors = [*errors, *found.errors, *unfound(splitting, known)]
    kept = {i: sample for i, sample in samples.items() if i in found.class_of}
    if splitting.shares is None:
        kept = {i: sample for i, sample in kept.items() if i in splitting.listed}
    if not kept:
        raise InputError('no image is left to prepare; correct the errors:', list(map(str, errors)))
    settings = {
        'split': choices.split if splitting.shares is not None else 'id lists',
        'seed': choices.seed,
        'classes': ', '.join(found.classes),
        'groups': choices.group_column or 'none',
        'folds': choices.folds or 0,
    }
    return Plan(
        dataset=dataset,
        samples=kept,
        classes=found.classes,
        class_of=dict(found.class_of),
        assign=partial(assign, splitting, found.class_of, table.group_of or group_of),
        settings=settings,
        sources=[],
        errors=list(errors),
        notes=[*notes, *table.notes],
    )


def _table(choices: Choices, ids: Sequence[str]) -> LabelTable:
    if choices.labels is None:
        given = [name for name in _NEED_LABELS if getattr(choices, name) is not None]
        if given:
            listed = ' and '.join(f'--{name.replace("_", "-")}' for name in given)
            raise InputError(f'{listed} needs a table; name it with --labels')
        return LabelTable()
    if choices.label_column is None and choices.group_column is None:
        raise InputError(
            f'--labels {choices.labels}: name the column of the labels with --label-column, or '
            'that of the groups with --group-column'
        )
    return read_label_table(
        choices.labels,
        ids,
        id_column=choices.id_column,
        label_column=choices.label_column,
        group_column=choices.group_column,
    )
