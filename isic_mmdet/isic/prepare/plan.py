"""Which pairs are to be prepared: what the sources hold against what the split asks for."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from isic_mmdet.errors import InputError
from isic_mmdet.isic.labels import Label, Labels, read_labels
from isic_mmdet.isic.layouts import (
    SPLITS,
    Pair,
    PairError,
    Scan,
    find_pairs,
    ids_in_two_splits,
    official_counts,
    scan,
)
from isic_mmdet.isic.splits import read_id_lists

_ONE_CLASS = '--classes lesion'


@dataclass
class Plan:
    """What is to be done, before any image is opened.

    Attributes:
        pairs: ISIC id to the pair, in id order.
        split_of: ISIC id to split; None where the split is drawn once the images are known.
        labels: ISIC id to diagnosis, age and sex as far as known.
        errors: what is wrong with the ids that were asked for.
        notes: what the user should know and may be as it should.
    """

    pairs: dict[str, Pair]
    split_of: dict[str, str] | None
    labels: dict[str, Label]
    errors: list[PairError]
    notes: list[str]


def make_plan(year: int, sources: Sequence[Path], split: str, classes: str) -> Plan:
    """Find the pairs and decide, where the split is given, where each belongs.

    Args:
        year: 2016, 2017 or 2018.
        sources: official folders or zips, or folders that hold them.
        split: `official`, `ratio`, or a folder of id lists.
        classes: with `diagnosis`, pairs without one are skipped as errors.

    Raises:
        InputError: the sources or id lists are unusable, an id is in two splits, or nothing is
            there to train on.
    """
    lists = None if split in {'official', 'ratio'} else read_id_lists(Path(split))
    found = scan(year, sources)
    doubled = ids_in_two_splits(found) if split == 'official' else []
    if doubled:
        raise InputError('the same ids are in two official parts; keep one of each', doubled)

    pairs, errors = find_pairs(found)
    labels = read_labels(found.tables)
    errors += [problem for problem in labels.errors if problem.isic_id in pairs]
    notes = _notes(year, found, split)
    split_of = None
    if split == 'official':
        split_of = {isic_id: pair.split for isic_id, pair in pairs.items()}
    elif lists is not None:
        split_of = lists
        unlisted = len(pairs.keys() - lists.keys())
        pairs, errors = _choose_listed(pairs, errors, lists)
        if unlisted:
            notes.append(f'{unlisted} pairs are in none of the id lists')
    if classes == 'diagnosis':
        labeled = {i: pair for i, pair in pairs.items() if 'diagnosis' in labels.by_id.get(i, {})}
        if pairs and not labeled:
            _refuse_without_labels(labels, errors)
        errors += [
            PairError(
                i, 'label missing', f'no table has its diagnosis; add it, or use {_ONE_CLASS}'
            )
            for i in pairs
            if i not in labeled
        ]
        pairs = labeled
    if not any(split_of is None or split_of[isic_id] == 'train' for isic_id in pairs):
        raise InputError(
            'no pair remains for train; correct --src', [*notes, *map(str, sorted(errors))]
        )
    return Plan(pairs, split_of, labels.by_id, errors, notes)


def _choose_listed(
    pairs: dict[str, Pair], errors: list[PairError], lists: dict[str, str]
) -> tuple[dict[str, Pair], list[PairError]]:
    chosen = {isic_id: pair for isic_id, pair in pairs.items() if isic_id in lists}
    concerning = [problem for problem in errors if problem.isic_id in lists]
    explained = chosen.keys() | {problem.isic_id for problem in concerning}
    absent = [
        PairError(
            isic_id, 'listed but not found', f'{name}.txt names it, no source holds it; add it'
        )
        for isic_id, name in lists.items()
        if isic_id not in explained
    ]
    return chosen, concerning + absent


def _refuse_without_labels(labels: Labels, errors: Sequence[PairError]) -> NoReturn:
    seen = [str(problem) for problem in errors if problem.kind == 'bad label']
    if labels.by_id and not seen:
        seen = [f'the tables of labels name only other images, such as {next(iter(labels.by_id))}']
    seen += [f'passed over: {table}' for table in labels.other_tables]
    raise InputError(
        'no image has a diagnosis: a table with the columns image_id, melanoma and '
        'seborrheic_keratosis holds it (..._Part3_GroundTruth.csv). Add it to --src, correct it, '
        f'or use {_ONE_CLASS}. Found:',
        seen or ['no CSV file'],
    )


def _notes(year: int, found: Scan, split: str) -> list[str]:
    notes = []
    if split == 'official':
        present = {entry.split for entries in found.images.values() for entry in entries}
        notes += [
            f'the images of the official {name} part were not found, and {name}.json is not '
            'written; add them, or draw the splits with --split ratio'
            for name in official_counts(year)
            if name not in present
        ]
    elif split != 'ratio':
        notes += [
            f'{split} holds no {name}.txt, and {name}.json is not written'
            for name in SPLITS
            if not (Path(split) / f'{name}.txt').is_file()
        ]
    if found.unexpected:
        examples = ', '.join(found.unexpected[:3])
        notes.append(f'{len(found.unexpected)} files with unknown names passed over: {examples}')
    return notes
