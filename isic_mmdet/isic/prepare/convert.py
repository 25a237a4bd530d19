"""From official files to a prepared data set: all steps, in the order in which it is gone."""

from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from isic_mmdet.errors import InputError
from isic_mmdet.isic.duplicates import DEFAULT_DISTANCE, HASH_BITS, near_duplicates
from isic_mmdet.isic.layouts import SPLITS, YEARS, PairError, official_counts
from isic_mmdet.isic.names import CATEGORIES
from isic_mmdet.isic.prepare.coco import coco_split
from isic_mmdet.isic.prepare.flips import FLIPPED_SPLITS, copy_ids, flip_jobs
from isic_mmdet.isic.prepare.jobs import finish_jobs
from isic_mmdet.isic.prepare.pairs import Record, convert_pair, pair_key
from isic_mmdet.isic.prepare.plan import Plan, make_plan
from isic_mmdet.isic.prepare.pool import Job
from isic_mmdet.isic.prepare.progress import Progress, remove_results
from isic_mmdet.isic.prepare.report import errors_summary, split_summary
from isic_mmdet.isic.splits import draw_validation, group_ids, part_near_duplicates, split_by_ratio
from isic_mmdet.masks.mask_files import FOREGROUND
from isic_mmdet.masks.resize import parse_rule
from isic_mmdet.utils.files import write_json
from isic_mmdet.utils.run_lock import run_lock
from isic_mmdet.utils.system import available_cores


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
    show_progress: bool = True,
) -> dict[str, Any]:
    """Make `OUT/{images, original_masks, annotations, prepare_report.json}` from official files.

    A run that was stopped continues; the annotations are removed first and written last, so that
    they never describe images of another run. The same input gives the same annotation bytes.

    Args:
        year: 2016, 2017 or 2018.
        sources: official folders or zips, or folders that hold them.
        out: folder of the prepared data set; new, or of an earlier run of the same year.
        split: `official`, `ratio`, or a folder with `train.txt`, `val.txt` and `test.txt`. 2016
            has no official validation part: 15 % of its training part are drawn for it.
        seed: of what is drawn.
        resize: `none`, `quarter` or `max-side=N`.
        classes: `lesion` or `diagnosis` (benign and melanoma); None takes `diagnosis` for 2017
            and `lesion` for the others.
        flip_copies: store each training and validation image also flipped vertically and
            horizontally, as further samples. They take no part in the search for near-duplicates.
        foreground: gray value from which on a mask pixel is lesion, 1 to 255. With another one
            than the default, `original_masks` hold the thresholded masks instead of copies of
            the files, so that scores (> 128) are computed against the same truth.
        workers: processes; None takes all cores. With more than one, the calling script has to
            be importable (`if __name__ == '__main__'`).
        strict: make every error fatal, instead of leaving the pair out.
        duplicate_distance: bits of 256 in which the hashes of near-duplicates differ at most.
        show_progress: show a progress bar on stderr.

    Returns:
        The report, as it stands in `prepare_report.json`.

    Raises:
        InputError: nothing usable is found, an id is in two splits, nothing remains to train
            on, or, with `strict`, there is any error.
    """
    rule = parse_rule(resize)
    classes = classes or ('diagnosis' if year == 2017 else 'lesion')
    workers = available_cores() if workers is None else workers
    _check_arguments(year, classes, foreground, workers, duplicate_distance)
    out, split = Path(out), str(split)
    plan = make_plan(year, [Path(source) for source in sources], split, classes)
    pair_jobs = [
        Job(
            isic_id,
            pair_key(pair, rule, foreground),
            partial(convert_pair, pair, rule, foreground, out),
        )
        for isic_id, pair in plan.pairs.items()
    ]
    try:
        with (
            run_lock(out / '.prepare', 'choose another --out'),
            Progress(out, year) as progress,
        ):
            remove_results(out)
            finish = partial(finish_jobs, plan, progress, out, workers, show_progress)
            records = finish(pair_jobs, 'pairs')
            twins = _find_twins(records, duplicate_distance)
            split_of = plan.split_of
            if split_of is None:
                split_of = split_by_ratio(group_ids(records, twins), seed)
            split_of, left_out = part_near_duplicates({i: split_of[i] for i in records}, twins)
            if split == 'official' and 'val' not in official_counts(year):
                split_of = draw_validation(split_of, twins, seed)
                plan.notes.append(_drawn_note(year, split_of, seed))
            members = {
                name: [records[i] for i in sorted(split_of) if split_of[i] == name]
                for name in SPLITS
            }
            if flip_copies:
                originals = [record for name in FLIPPED_SPLITS for record in members[name]]
                copies = finish(flip_jobs(originals, out), 'flip copies')
                for name in FLIPPED_SPLITS:
                    members[name] += [
                        copies[copy_id]
                        for record in members[name]
                        for copy_id in copy_ids(record.isic_id)
                        if copy_id in copies
                    ]
            _note_more(plan, records, members, progress, out, foreground)
        is_usable = bool(members['train']) and not (strict and plan.errors)
        settings = {
            'split': split if split in {'official', 'ratio'} else 'id lists',
            'seed': seed,
            'resize': str(rule),
            'classes': classes,
            'foreground': foreground,
        }
        report = {
            'year': year,
            'out': str(out),
            'sources': [str(source) for source in sources],
            'options': {**settings, 'flip_copies': flip_copies, 'strict': strict},
            'annotations_written': is_usable,
            'official_counts': official_counts(year) if split == 'official' else {},
            'splits': {
                name: split_summary(chosen, plan.labels, classes)
                for name, chosen in members.items()
                if chosen
            },
            'notes': plan.notes,
            'stored_turned': _stored_turned(records),
            'near_duplicates': {
                'distance': duplicate_distance,
                'pairs': [list(twin) for twin in twins],
                'left_out': [entry.as_dict() for entry in left_out],
            },
            'errors': errors_summary(plan.errors),
        }
        write_json(out / 'prepare_report.json', report, indent=1)
        if not is_usable:
            _refuse(out, plan.errors, strict)
        for name, chosen in members.items():
            if chosen:
                info = {'description': f'ISIC {year} lesions, {name}', **settings}
                content = coco_split(info, chosen, plan.labels, classes)
                write_json(out / 'annotations' / f'{name}.json', content)
    except OSError as error:
        # Sources are read under their own guard, so this can only be the disk written to.
        raise InputError(f'cannot write to {out}: {error}; run again once it can') from error
    return report


def _check_arguments(year: int, classes: str, foreground: int, workers: int, distance: int) -> None:
    errors = []
    if year not in YEARS:
        errors.append(f'year {year}: choose from {", ".join(map(str, YEARS))}')
    if classes not in CATEGORIES:
        errors.append(f'classes {classes!r}: choose from {", ".join(CATEGORIES)}')
    if year == 2016 and classes == 'diagnosis':
        errors.append('classes diagnosis: 2016 is prepared with the one class lesion only')
    if not 1 <= foreground <= 255:
        errors.append(f'foreground {foreground}: give a gray value from 1 to 255')
    if workers < 1:
        errors.append(f'workers {workers}: give at least 1')
    if not 0 <= distance <= HASH_BITS:
        errors.append(f'duplicate distance {distance}: give 0 to {HASH_BITS} bits')
    if errors:
        raise InputError('some settings do not fit', errors)


def _note_more(
    plan: Plan,
    records: dict[str, Record],
    members: dict[str, list[Record]],
    progress: Progress,
    out: Path,
    foreground: int,
) -> None:
    """Add to the plan what is known once everything is prepared."""
    plan.errors += [
        PairError(i, 'gray mask', f'{record.grays} pixels are neither 0 nor 255', left_out=False)
        for i, record in records.items()
        if record.grays
    ]
    plan.errors += [
        PairError(i, 'full mask', 'every pixel is lesion', left_out=False)
        for i, record in records.items()
        if record.share == 1
    ]
    turned = _stored_turned(records)
    if turned:
        plan.notes.append(
            f'{len(turned)} images are stored turned or mirrored (EXIF orientation), such as '
            f'{", ".join(list(turned)[:3])}: they and their masks were turned upright; see '
            'stored_turned in prepare_report.json, and look at them with tools/browse_dataset.py'
        )
    inverted = sum(record.share > 0.5 and record.touches_border for record in records.values())
    if 2 * inverted > len(records):
        plan.notes.append(
            f'in {inverted} of {len(records)} masks more than half is lesion, up to the border: '
            'if lesions are black in them, invert them and prepare again'
        )
    used = {record.isic_id for chosen in members.values() for record in chosen}
    unused = len(progress.records.keys() - plan.pairs.keys() - used)
    if unused:
        plan.notes.append(f'{unused} images of an earlier run lie in {out} and in no split')
    if foreground != FOREGROUND:
        plan.notes.append(f'original_masks hold 255 where the files hold {foreground} or more')


def _stored_turned(records: dict[str, Record]) -> dict[str, int]:
    """Return EXIF's number by id of the images that are not stored upright."""
    return {i: record.orientation for i, record in records.items() if record.orientation != 1}


def _drawn_note(year: int, split_of: dict[str, str], seed: int) -> str:
    count = Counter(split_of.values())
    return (
        f'ISIC {year} has no official validation part: {count["val"]} of the '
        f'{count["val"] + count["train"]} official training images were drawn for it (seed {seed})'
    )


def _find_twins(records: dict[str, Record], distance: int) -> list[tuple[str, str, int]]:
    ids = list(records)
    twins = near_duplicates([record.hash for record in records.values()], distance)
    return [(ids[i], ids[j], bits) for i, j, bits in twins]


def _refuse(out: Path, errors: list[PairError], strict: bool) -> None:
    if strict and errors:
        reason = f'{len(errors)} errors, and --strict makes them fatal: fix them or drop --strict'
    else:
        reason = 'no pair remains for train; fix these'
    raise InputError(
        f'{reason}. No annotations were written; {out / "prepare_report.json"} lists everything',
        [str(problem) for problem in sorted(errors)],
    )
