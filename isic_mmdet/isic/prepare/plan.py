"""Decides which pairs are prepared: compares the sources with what the split asks for."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from isic_mmdet.errors import InputError
from isic_mmdet.isic.labels import Label, Labels, read_labels
from isic_mmdet.isic.layouts import SPLITS, Pair, PairError, Scan, find_pairs, official_counts, scan
from isic_mmdet.isic.splits import read_id_lists

_ONE_CLASS = '--classes lesion'


@dataclass
class Plan:
    """What to prepare, before any image is opened."""

    pairs: dict[str, Pair]  # in id order
    split_of: dict[str, str] | None  # None if the split is drawn once the images are known
    labels: dict[str, Label]
    errors: list[PairError]  # of the ids that the split asks for
    notes: list[str]  # what the user should know and may be intended


def make_plan(year: int, sources: Sequence[Path], split: str, classes: str) -> Plan:
    """Find the pairs and decide, where the split is given, where each belongs.

    With the classes `diagnosis`, pairs without one are skipped as errors. See `prepare`.

    Raises:
        InputError: the sources or id lists are unusable, an id is in two splits, or there is
            nothing to train on.
    """
    lists = None if split in {'official', 'ratio'} else read_id_lists(Path(split))
    found = scan(year, sources)
    notes = _notes_on_parts(year, found, split)
    if found.unexpected:
        examples = ', '.join(found.unexpected[:3])
        notes.append(f'{len(found.unexpected)} files with unknown names skipped: {examples}')
    pairs, errors = find_pairs(found)
    labels = read_labels(found.tables)
    errors += [error for error in labels.errors if error.isic_id in pairs]
    split_of = lists
    if split == 'official':
        split_of = {isic_id: pair.split for isic_id, pair in pairs.items()}
    elif lists is not None:
        listed = {isic_id: pair for isic_id, pair in pairs.items() if isic_id in lists}
        if unlisted := len(pairs) - len(listed):
            notes.append(f'{unlisted} pairs are in none of the id lists')
        pairs = listed
        errors = [error for error in errors if error.isic_id in lists]
        explained = pairs.keys() | {error.isic_id for error in errors}
        errors += [
            PairError(i, 'listed but not found', f'{name}.txt names it, no source holds it; add it')
            for i, name in lists.items()
            if i not in explained
        ]
    if classes == 'diagnosis':
        pairs, unlabeled = _part_unlabeled(pairs, labels, errors)
        errors += unlabeled
    if not any(split_of is None or split_of[isic_id] == 'train' for isic_id in pairs):
        details = [*notes, *map(str, sorted(errors))]
        raise InputError('no pair remains for train; correct --src', details)
    return Plan(pairs, split_of, labels.by_id, errors, notes)


def _notes_on_parts(year: int, found: Scan, split: str) -> list[str]:
    """Return a note for each split without images."""
    if split == 'ratio':
        return []
    if split != 'official':
        return [
            f'{split} holds no {name}.txt, and {name}.json is not written'
            for name in SPLITS
            if not (Path(split) / f'{name}.txt').is_file()
        ]
    splits_of = {i: {entry.split for entry in entries} for i, entries in found.images.items()}
    doubled = [
        f'{i}: {" and ".join(sorted(str(entry.file) for entry in found.images[i]))}'
        for i, splits in sorted(splits_of.items())
        if len(splits) > 1
    ]
    if doubled:
        raise InputError('the same ids are in two official parts; keep one of each', doubled)
    present = set().union(*splits_of.values())
    return [
        f'the images of the official {name} part were not found, and {name}.json is not written; '
        'add them, or draw the splits with --split ratio'
        for name in official_counts(year)
        if name not in present
    ]


def _part_unlabeled(
    pairs: dict[str, Pair], labels: Labels, errors: Sequence[PairError]
) -> tuple[dict[str, Pair], list[PairError]]:
    """Return the pairs with a diagnosis, and an error for each of the others."""
    labeled = {i: pair for i, pair in pairs.items() if 'diagnosis' in labels.by_id.get(i, {})}
    if pairs and not labeled:
        seen = [str(error) for error in errors if error.kind == 'bad label']
        if labels.by_id and not seen:
            example = next(iter(labels.by_id))
            seen = [f'the tables of labels name only other images, such as {example}']
        seen += [f'skipped: {table}' for table in labels.other_tables]
        raise InputError(
            'no image has a diagnosis: a table with the columns image_id, melanoma and '
            'seborrheic_keratosis holds it (..._Part3_GroundTruth.csv). Add it to --src, correct '
            f'it, or use {_ONE_CLASS}. Found:',
            seen or ['no CSV file'],
        )
    detail = f'no table has its diagnosis; add it, or use {_ONE_CLASS}'
    return labeled, [PairError(i, 'label missing', detail) for i in pairs if i not in labeled]
