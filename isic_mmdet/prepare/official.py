"""From the files of an ISIC challenge to a prepared data set."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from isic_mmdet.errors import InputError
from isic_mmdet.isic.archives import YEARS
from isic_mmdet.isic.duplicates import DEFAULT_DISTANCE
from isic_mmdet.isic.labels import Labels, category_of, read_labels
from isic_mmdet.isic.layouts import SPLITS, Pair, PairError, Scan, find_pairs, official_counts, scan
from isic_mmdet.isic.names import CATEGORIES
from isic_mmdet.isic.splits import (
    Twins,
    draw_validation,
    group_ids,
    part_near_duplicates,
    read_id_lists,
    split_by_ratio,
)
from isic_mmdet.masks.mask_files import FOREGROUND
from isic_mmdet.masks.resize import parse_rule
from isic_mmdet.prepare.convert import Sample
from isic_mmdet.prepare.plan import Assignment, Plan
from isic_mmdet.prepare.run import Options, option_errors, prepare_plan
from isic_mmdet.prepare.truth import MaskFile

_ONE_CLASS = '--classes lesion'


def prepare(
    year: int,
    sources: Sequence[Path | str],
    out: Path | str,
    *,
    split: Path | str = 'official',
    seed: int = 0,
    resize: str = 'none',
    classes: str | None = None,
    flip_copies: bool = False,
    foreground: int = FOREGROUND,
    workers: int | None = None,
    strict: bool = False,
    duplicate_distance: int = DEFAULT_DISTANCE,
) -> dict[str, Any]:
    """Make `OUT/{images, original_masks, annotations, prepare_report.json}` from official files.

    A stopped run continues. The annotations are removed first and written last, so they never
    describe images of another run. The same input gives the same annotation bytes.

    Args:
        year: 2016, 2017 or 2018.
        sources: official folders or zips, or folders that hold them.
        out: new folder, or that of an earlier run of the same year.
        split: `official`, `ratio`, or a folder with `train.txt`, `val.txt` and `test.txt`. 2016
            has no official validation part: 15 % of its training part are drawn for it.
        seed: of what is drawn.
        resize: `none`, `quarter`, `max-side=N` or `center-crop=N`. With the last, `original_masks`
            hold the crop of the masks, so that scores are computed on the square that was kept.
        classes: `lesion` or `diagnosis` (benign and melanoma), the default for 2017.
        flip_copies: store each training and validation image also flipped vertically and
            horizontally. These copies take no part in the search for near-duplicates.
        foreground: lowest gray value of a lesion pixel, 1 to 255. With another one than the
            default, `original_masks` hold the thresholded masks instead of copies of the files, so
            that scores (> 128) are computed against the same truth.
        workers: processes; None takes all cores. With more than one, the calling script has to
            be importable (`if __name__ == '__main__'`).
        strict: make every error fatal, instead of skipping the pair.
        duplicate_distance: bits of 256 in which the hashes of near-duplicates differ at most.

    Returns:
        The content of `prepare_report.json`.

    Raises:
        InputError: nothing usable is found, an id is in two splits, nothing remains to train
            on, or, with `strict`, there is any error.
    """
    options = Options(parse_rule(resize), workers, strict, duplicate_distance, flip_copies)
    classes = classes or ('diagnosis' if year == 2017 else 'lesion')
    _check_arguments(year, classes, foreground, options)
    settings = {
        'split': str(split) if str(split) in {'official', 'ratio'} else 'id lists',
        'seed': seed,
        'resize': str(options.resize),
        'classes': classes,
        'foreground': foreground,
    }
    plan = make_plan(year, [Path(source) for source in sources], str(split), settings)
    return prepare_plan(plan, Path(out), options)


def _check_arguments(year: int, classes: str, foreground: int, options: Options) -> None:
    checks = {
        f'year {year}: choose from {", ".join(map(str, YEARS))}': year in YEARS,
        f'classes {classes!r}: choose from {", ".join(CATEGORIES)}': classes in CATEGORIES,
        'classes diagnosis: 2016 is prepared with the one class lesion only': (
            (year, classes) != (2016, 'diagnosis')
        ),
        f'foreground {foreground}: give a gray value from 1 to 255': 1 <= foreground <= 255,
    }
    errors = [error for error, is_fine in checks.items() if not is_fine]
    if errors := errors + option_errors(options):
        raise InputError('some settings do not fit', errors)


def make_plan(year: int, sources: Sequence[Path], split: str, settings: dict[str, Any]) -> Plan:
    """Find the pairs and decide, where the split is given, where each belongs.

    With the classes `diagnosis`, pairs without one are skipped as errors. See `prepare`.

    Raises:
        InputError: the sources or id lists are unusable, an id is in two splits, or there is
            nothing to train on.
    """
    classes, foreground = settings['classes'], settings['foreground']
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
    if foreground != FOREGROUND:
        notes.append(f'original_masks hold 255 where the files hold {foreground} or more')
    names = CATEGORIES[classes]
    return Plan(
        dataset=f'ISIC {year}',
        samples={
            i: Sample(i, pair.image, MaskFile(pair.mask, foreground)) for i, pair in pairs.items()
        },
        classes=names,
        class_of={i: names[category_of(classes, labels.by_id.get(i, {})) - 1] for i in pairs},
        assign=partial(_assign, year, split_of, split == 'official', settings['seed']),
        settings=settings,
        sources=[str(source) for source in sources],
        labels=labels.by_id,
        errors=errors,
        notes=notes,
        official_counts=official_counts(year) if split == 'official' else {},
    )


def _assign(
    year: int,
    split_of: dict[str, str] | None,
    is_official: bool,
    seed: int,
    ids: Sequence[str],
    twins: Sequence[Twins],
) -> Assignment:
    """Assign the images to the given splits, or draw them; see `Plan.assign`."""
    split_of = split_of or split_by_ratio(group_ids(ids, twins), seed)
    assigned, left_out = part_near_duplicates({i: split_of[i] for i in ids}, twins)
    if not is_official or 'val' in official_counts(year):
        return Assignment(assigned, left_out, [])
    assigned = draw_validation(assigned, twins, seed)
    splits = list(assigned.values())
    val, train = splits.count('val'), splits.count('train')
    note = (
        f'ISIC {year} has no official validation part: {val} of the {val + train} official '
        f'training images were drawn for it (seed {seed})'
    )
    return Assignment(assigned, left_out, [note])


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
