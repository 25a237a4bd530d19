"""From official files to a prepared data set: the whole way, in the order in which it is gone."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from isic_mmdet.challenge.coco import CATEGORIES, coco_split
from isic_mmdet.challenge.duplicates import DEFAULT_DISTANCE, HASH_BITS, near_duplicates
from isic_mmdet.challenge.faults import Fault
from isic_mmdet.challenge.files import write_json
from isic_mmdet.challenge.labels import Label, read_labels
from isic_mmdet.challenge.layouts import (
    SPLITS,
    YEARS,
    Pair,
    Scan,
    find_pairs,
    ids_in_two_splits,
    official_counts,
    scan,
)
from isic_mmdet.challenge.pairs import Record, pair_key
from isic_mmdet.challenge.pool import available_cores, convert_pairs
from isic_mmdet.challenge.progress import Progress, remove_results
from isic_mmdet.challenge.report import faults_summary, split_summary
from isic_mmdet.challenge.resize import ResizeRule, parse_rule
from isic_mmdet.challenge.sources import close_zips
from isic_mmdet.challenge.splits import (
    group_ids,
    part_near_duplicates,
    read_id_lists,
    split_by_ratio,
)
from isic_mmdet.errors import InputError

_STRICT_SHOWN = 50


def prepare(
    year: int,
    sources: Sequence[Path | str],
    out: Path | str,
    *,
    split: Path | str = 'official',
    seed: int = 0,
    resize: str = 'none',
    classes: str | None = None,
    workers: int | None = None,
    strict: bool = False,
    duplicate_distance: int = DEFAULT_DISTANCE,
    show_progress: bool = True,
) -> dict[str, Any]:
    """Make `OUT/{images, original_masks, annotations, prepare_report.json}` from official files.

    A run that was stopped continues; the annotations are written last, so that they never
    describe images of another run. The same input gives the same annotation bytes.

    Args:
        year: 2016, 2017 or 2018.
        sources: official folders or zips, or folders that hold them.
        out: folder of the prepared data set; new, or of an earlier run of the same year.
        split: `official`, `ratio`, or a folder with `train.txt`, `val.txt` and `test.txt`.
        seed: of the `ratio` split.
        resize: `none`, `seed` or `max-side=N`.
        classes: `lesion` or `diagnosis` (benign and melanoma); None takes `diagnosis` for 2017
            and `lesion` for the others.
        workers: processes; None takes all cores.
        strict: make every fault fatal, instead of leaving the pair out.
        duplicate_distance: bits of 256 in which the hashes of near-duplicates differ at most.
        show_progress: show a progress bar on stderr.

    Returns:
        The report, as it stands in `prepare_report.json`.

    Raises:
        InputError: nothing usable is found, an id is in two splits, nothing remains to train
            on, or, with `strict`, there is any fault.
    """
    rule = parse_rule(resize)
    classes = classes or ('diagnosis' if year == 2017 else 'lesion')
    workers = available_cores() if workers is None else workers
    _check_arguments(year, classes, workers, duplicate_distance)
    sources, out = [Path(source) for source in sources], Path(out)
    lists = None if str(split) in {'official', 'ratio'} else read_id_lists(Path(split))

    found = scan(year, sources)
    if split == 'official' and (doubled := ids_in_two_splits(found)):
        raise InputError('the same ids are in two official parts; keep one of each', doubled)
    pairs, faults = find_pairs(found)
    labels, label_faults = read_labels(found.tables)
    faults += label_faults
    notes = _notes(year, found, split)
    if lists is not None:
        pairs, faults, unlisted = _choose_listed(pairs, faults, lists)
        if unlisted:
            notes.append(f'{unlisted} pairs are in none of the id lists')
    if classes == 'diagnosis':
        pairs, missing = _require_diagnosis(pairs, labels)
        faults += missing

    records, conversion_faults = _convert(pairs, rule, out, year, workers, notes, show_progress)
    faults += conversion_faults
    twins = _find_twins(records, duplicate_distance)
    if lists is not None:
        split_of = {isic_id: lists[isic_id] for isic_id in records}
    elif split == 'official':
        split_of = {isic_id: pairs[isic_id].split for isic_id in records}
    else:
        split_of = split_by_ratio(group_ids(records, twins), seed)
    split_of, left_out = part_near_duplicates(split_of, twins)

    members = {
        name: [records[isic_id] for isic_id in sorted(split_of) if split_of[isic_id] == name]
        for name in SPLITS
    }
    is_usable = bool(members['train']) and not (strict and faults)
    settings = {
        'split': str(split) if lists is None else 'id lists',
        'seed': seed,
        'resize': str(rule),
        'classes': classes,
    }
    report = {
        'year': year,
        'out': str(out),
        'sources': [str(source) for source in sources],
        'options': {**settings, 'strict': strict},
        'annotations_written': is_usable,
        'official_counts': official_counts(year) if split == 'official' else {},
        'splits': {
            name: split_summary(chosen, labels, classes)
            for name, chosen in members.items()
            if chosen
        },
        'notes': notes,
        'near_duplicates': {
            'distance': duplicate_distance,
            'pairs': [list(twin) for twin in twins],
            'left_out': [entry.as_dict() for entry in left_out],
        },
        'faults': faults_summary(faults),
    }
    write_json(out / 'prepare_report.json', report, indent=1)
    if not is_usable:
        _refuse(out, faults, strict)
    for name, chosen in members.items():
        if chosen:
            info = {'description': f'ISIC {year} lesions, {name}', **settings}
            content = coco_split(info, chosen, labels, classes)
            write_json(out / 'annotations' / f'{name}.json', content)
    return report


def _check_arguments(year: int, classes: str, workers: int, distance: int) -> None:
    faults = []
    if year not in YEARS:
        faults.append(f'year {year}: choose from {", ".join(map(str, YEARS))}')
    if classes not in CATEGORIES:
        faults.append(f'classes {classes!r}: choose from {", ".join(CATEGORIES)}')
    if year == 2016 and classes == 'diagnosis':
        faults.append('classes diagnosis: 2016 is prepared with the one class lesion only')
    if workers < 1:
        faults.append(f'workers {workers}: give at least 1')
    if not 0 <= distance <= HASH_BITS:
        faults.append(f'duplicate distance {distance}: give 0 to {HASH_BITS} bits')
    if faults:
        raise InputError('some settings do not fit', faults)


def _notes(year: int, found: Scan, split: Path | str) -> list[str]:
    notes = []
    if split == 'official':
        present = {entry.split for entries in found.images.values() for entry in entries}
        published = official_counts(year)
        notes += [
            f'the official {name} part was not found' for name in published if name not in present
        ]
        notes += [
            f'ISIC {year} was published without a {name} part; --split ratio makes one'
            for name in SPLITS
            if name not in published
        ]
    if found.unexpected:
        examples = ', '.join(found.unexpected[:3])
        notes.append(f'{len(found.unexpected)} files with unknown names passed over: {examples}')
    return notes


def _choose_listed(
    pairs: dict[str, Pair], faults: list[Fault], lists: dict[str, str]
) -> tuple[dict[str, Pair], list[Fault], int]:
    """Return the listed pairs, the faults that concern listed ids, and how many are unlisted."""
    chosen = {isic_id: pair for isic_id, pair in pairs.items() if isic_id in lists}
    concerning = [fault for fault in faults if fault.isic_id in lists]
    explained = chosen.keys() | {fault.isic_id for fault in concerning if fault.left_out}
    absent = [
        Fault(isic_id, 'listed but not found', f'{name}.txt names it, no source holds it')
        for isic_id, name in lists.items()
        if isic_id not in explained
    ]
    return chosen, concerning + absent, len(pairs) - len(chosen)


def _require_diagnosis(
    pairs: dict[str, Pair], labels: dict[str, Label]
) -> tuple[dict[str, Pair], list[Fault]]:
    kept = {i: pair for i, pair in pairs.items() if 'diagnosis' in labels.get(i, {})}
    detail = 'no table with melanoma and seborrheic_keratosis has it (Part3_GroundTruth.csv)'
    missing = [Fault(i, 'label missing', detail) for i in pairs if i not in kept]
    return kept, missing


def _convert(
    pairs: dict[str, Pair],
    rule: ResizeRule,
    out: Path,
    year: int,
    workers: int,
    notes: list[str],
    show_progress: bool,
) -> tuple[dict[str, Record], list[Fault]]:
    """Convert the pairs that an earlier run has not, and return all records in id order."""
    out.mkdir(parents=True, exist_ok=True)
    faults = []
    with Progress(out, year) as progress:
        remove_results(out)
        finished = {
            isic_id
            for isic_id, pair in pairs.items()
            if (record := progress.records.get(isic_id))
            and record.key == pair_key(pair, rule)
            and record.files_are_there(out)
        }
        todo = [pair for isic_id, pair in pairs.items() if isic_id not in finished]
        if finished:
            notes.append(f'{len(finished)} pairs were finished by an earlier run and kept')
        results = convert_pairs(todo, rule, out, workers)
        bar = tqdm(
            results, 'preparing', len(pairs), initial=len(finished), disable=not show_progress
        )
        try:
            for result in bar:
                if isinstance(result, Fault):
                    faults.append(result)
                else:
                    progress.add(result)
        finally:
            results.close()
            close_zips()
        failed = {fault.isic_id for fault in faults}
        records = {i: progress.records[i] for i in pairs if i not in failed}
    faults += [
        Fault(i, 'grey mask', f'{record.greys} pixels are neither 0 nor 255', left_out=False)
        for i, record in records.items()
        if record.greys
    ]
    return records, faults


def _find_twins(records: dict[str, Record], distance: int) -> list[tuple[str, str, int]]:
    ids = list(records)
    twins = near_duplicates([record.hash for record in records.values()], distance)
    return [(ids[i], ids[j], bits) for i, j, bits in twins]


def _refuse(out: Path, faults: list[Fault], strict: bool) -> None:
    if strict and faults:
        reason = f'{len(faults)} faults, and --strict makes them fatal; mend them or drop --strict'
    else:
        reason = 'no pair remains for train'
    raise InputError(
        f'{reason}. No annotations were written; {out / "prepare_report.json"} lists everything',
        [str(fault) for fault in sorted(faults)],
        shown=_STRICT_SHOWN,
    )
