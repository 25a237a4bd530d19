"""Prepares the data set of a plan: from its samples to annotations and a report."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from isic_mmdet.errors import InputError
from isic_mmdet.isic.duplicates import DEFAULT_DISTANCE, HASH_BITS, near_duplicates
from isic_mmdet.isic.layouts import SPLITS, PairError
from isic_mmdet.isic.splits import Twins
from isic_mmdet.masks.resize import ResizeRule
from isic_mmdet.prepare.coco import coco_split
from isic_mmdet.prepare.convert import sample_job
from isic_mmdet.prepare.flips import FLIPPED_SPLITS, flip_jobs
from isic_mmdet.prepare.plan import Assignment, Plan
from isic_mmdet.prepare.progress import Progress
from isic_mmdet.prepare.record import Record
from isic_mmdet.prepare.report import rule_counts, split_summary
from isic_mmdet.utils.files import write_json, writing
from isic_mmdet.utils.run_lock import run_lock
from isic_mmdet.utils.system import available_cores

_REPORT = 'prepare_report.json'


@dataclass(frozen=True)
class Options:
    """How any data set is prepared; see `tools/prepare_isic.py`."""

    resize: ResizeRule
    workers: int | None = None  # processes; None takes all cores
    strict: bool = False  # make every error fatal, instead of skipping the pair
    duplicate_distance: int = DEFAULT_DISTANCE  # bits
    flip_copies: bool = False


def option_errors(options: Options) -> list[str]:
    """Return what is wrong with the values of the options."""
    workers, distance = options.workers, options.duplicate_distance
    checks = {
        f'workers {workers}: give at least 1': workers is None or workers >= 1,
        f'duplicate distance {distance}: give 0 to {HASH_BITS} bits': 0 <= distance <= HASH_BITS,
    }
    return [error for error, is_fine in checks.items() if not is_fine]


def prepare_plan(plan: Plan, out: Path, options: Options) -> dict[str, Any]:
    """Make `OUT/{images, original_masks, annotations, prepare_report.json}`.

    A stopped run continues. The annotations are removed first and written last, so they never
    describe images of another run. The same input gives the same annotation bytes, for any number
    of workers.

    Args:
        plan: what to prepare. Its errors and notes grow.
        out: new folder, or that of an earlier run of the same data set.
        options: how.

    Returns:
        The content of `prepare_report.json`.

    Raises:
        InputError: nothing remains to train on, or, with `strict`, there is any error.
    """
    workers = options.workers or available_cores()
    with writing(out), run_lock(out / '.prepare', 'choose another --out'):
        progress = Progress(out, plan.dataset)
        for path in (out / _REPORT, *out.glob('annotations/**/*.json')):
            path.unlink(missing_ok=True)
        jobs = [sample_job(sample, options.resize, out) for sample in plan.samples.values()]
        records = progress.finish(jobs, 'pairs', plan, workers)
        twins = _find_twins(records, options.duplicate_distance)
        assignment = _assigned(plan, list(records), twins)
        plan.notes += assignment.notes
        members = _members(records, assignment.split_of)
        if options.flip_copies:
            _add_flip_copies(members, progress, plan, out, workers)
        plan.notes += _notes_on_images(records)
        plan.notes += _notes_on_unused(progress, plan, members, out)
        plan.errors += _mask_errors(records)
        plan.errors.sort()
        is_usable = 'train' in members and not (options.strict and plan.errors)
        report = _report(plan, out, options, members, is_usable)
        report |= _findings(plan, options, records, twins, assignment)
        write_json(out / _REPORT, report, indent=1)
        if not is_usable:
            _refuse(plan, out, options.strict)
        for name, chosen in (members | _folds(members, assignment.fold_of)).items():
            info = {'description': f'{plan.dataset} lesions, {name}', **plan.settings}
            write_json(out / _annotation_file(name), coco_split(info, chosen, plan))
    return report


def _assigned(plan: Plan, ids: Sequence[str], twins: Sequence[Twins]) -> Assignment:
    """Return the splits; if there are none, the images that were skipped may be the reason."""
    try:
        return plan.assign(ids, twins)
    except InputError as error:
        if not plan.errors:
            raise
        skipped = list(map(str, sorted(plan.errors)))
        raise InputError(f'{error}\n{len(skipped)} images were skipped:', skipped) from error


def _annotation_file(split: str) -> str:
    return f'annotations/{split}.json'


def _find_twins(records: dict[str, Record], distance: int) -> list[Twins]:
    ids = list(records)
    twins = near_duplicates([record.hash for record in records.values()], distance)
    return [(ids[i], ids[j], bits) for i, j, bits in twins]


def _members(records: dict[str, Record], split_of: dict[str, str]) -> dict[str, list[Record]]:
    """Return the records of each split that has some."""
    return {
        name: [records[i] for i in split_of if split_of[i] == name]
        for name in SPLITS
        if name in split_of.values()
    }


def _folds(
    members: Mapping[str, list[Record]], fold_of: Mapping[str, int]
) -> dict[str, list[Record]]:
    """Return the records of `fold0/train`, `fold0/val` and so on; nothing without folds."""
    pool = [record for name in ('train', 'val') for record in members.get(name, ())]
    found: dict[str, list[Record]] = {}
    for k in sorted(set(fold_of.values())):
        for name in ('train', 'val'):
            is_val = name == 'val'
            found[f'fold{k}/{name}'] = [
                record for record in pool if (fold_of[record.official_id] == k) == is_val
            ]
    return found


def _add_flip_copies(
    members: dict[str, list[Record]], progress: Progress, plan: Plan, out: Path, workers: int
) -> None:
    originals = [(name, each) for name in FLIPPED_SPLITS for each in members.get(name, ())]
    split_of = {record.isic_id: name for name, record in originals}
    jobs = [job for _, record in originals for job in flip_jobs(record, out)]
    for copy in progress.finish(jobs, 'flip copies', plan, workers).values():
        members[split_of[copy.copy_of]].append(copy)


def _report(
    plan: Plan,
    out: Path,
    options: Options,
    members: dict[str, list[Record]],
    is_usable: bool,
) -> dict[str, Any]:
    """Return what was prepared, and how."""
    return {
        'dataset': plan.dataset,
        'out': str(out),
        'sources': list(plan.sources),
        'options': {
            **plan.settings,
            'flip_copies': options.flip_copies,
            'strict': options.strict,
        },
        'annotations_written': is_usable,
        'official_counts': plan.official_counts,
        'splits': {name: split_summary(chosen, plan) for name, chosen in members.items()},
    }


def _findings(
    plan: Plan,
    options: Options,
    records: dict[str, Record],
    twins: list[Twins],
    assignment: Assignment,
) -> dict[str, Any]:
    """Return what was found in the files."""
    return {
        'notes': plan.notes,
        'lesion_rules': rule_counts(records.values()),
        'stored_turned': _turned(records),
        'near_duplicates': {
            'distance': options.duplicate_distance,
            'pairs': [list(twin) for twin in twins],
            'left_out': [vars(entry) for entry in assignment.left_out],
        },
        'errors': {
            'counts': dict(sorted(Counter(error.kind for error in plan.errors).items())),
            'list': [vars(error) for error in plan.errors],
        },
    }


def _refuse(plan: Plan, out: Path, strict: bool) -> None:
    reason = 'fix the errors, or drop --strict' if strict else 'no pair remains for train'
    raise InputError(
        f'{len(plan.errors)} errors, and no annotations were written: {reason}. '
        f'{out / _REPORT} lists everything',
        list(map(str, plan.errors)),
    )


def _mask_errors(records: dict[str, Record]) -> list[PairError]:
    grays = [
        PairError(i, 'gray mask', f'{record.grays} pixels are neither 0 nor 255', left_out=False)
        for i, record in records.items()
        if record.grays and not record.rule  # a rule was detected that explains them
    ]
    return grays + [
        PairError(i, 'full mask', 'every pixel is lesion', left_out=False)
        for i, record in records.items()
        if record.share == 1
    ]


def _turned(records: dict[str, Record]) -> dict[str, int]:
    return {i: record.orientation for i, record in records.items() if record.orientation != 1}


def _notes_on_images(records: dict[str, Record]) -> list[str]:
    notes = []
    if turned := list(_turned(records)):
        fitting = sum(record.mask_was_upright for record in records.values())
        were_turned = f'they and {len(turned) - fitting} of their masks were turned upright'
        fitted = f', and {fitting} masks fitted the upright image and were left as they are'
        notes.append(
            f'{len(turned)} images are stored turned or mirrored (EXIF orientation), such as '
            f'{", ".join(turned[:3])}: {were_turned}{fitted if fitting else ""}; see '
            'stored_turned in prepare_report.json, and look at them with tools/browse_dataset.py'
        )
    if deep := [record.isic_id for record in records.values() if record.is_deep]:
        notes.append(
            f'{len(deep)} images have 16 bits a color, such as {", ".join(deep[:3])}: the upper 8 '
            'bits are used'
        )
    inverted = [
        record for record in records.values() if record.share > 0.5 and record.touches_border
    ]
    found = f'in {len(inverted)} of {len(records)} masks more than half is lesion, up to the border'
    if 2 * len(inverted) > len(records):
        notes.append(f'{found}: if lesions are black in them, invert them and prepare again')
    elif doubtful := [record.isic_id for record in inverted if record.rule]:
        listed = ', '.join(doubtful[:3])
        notes.append(f'{found}, such as {listed}: make sure that none of them is inverted')
    return notes


def _notes_on_unused(
    progress: Progress, plan: Plan, members: dict[str, list[Record]], out: Path
) -> list[str]:
    used = {record.isic_id for chosen in members.values() for record in chosen}
    unused = len(progress.records.keys() - plan.samples.keys() - used)
    return [f'{unused} images of an earlier run lie in {out} and in no split'] if unused else []
