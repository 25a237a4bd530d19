"""From official files to a prepared data set."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from isic_mmdet.errors import InputError
from isic_mmdet.isic.archives import YEARS
from isic_mmdet.isic.duplicates import DEFAULT_DISTANCE, HASH_BITS, near_duplicates
from isic_mmdet.isic.layouts import SPLITS, PairError, official_counts
from isic_mmdet.isic.names import CATEGORIES
from isic_mmdet.isic.prepare.coco import coco_split
from isic_mmdet.isic.prepare.flips import FLIPPED_SPLITS, flip_jobs
from isic_mmdet.isic.prepare.pairs import Record, pair_job
from isic_mmdet.isic.prepare.plan import make_plan
from isic_mmdet.isic.prepare.progress import Progress
from isic_mmdet.isic.prepare.report import split_summary
from isic_mmdet.isic.splits import draw_validation, group_ids, part_near_duplicates, split_by_ratio
from isic_mmdet.masks.mask_files import FOREGROUND
from isic_mmdet.masks.resize import parse_rule
from isic_mmdet.utils.files import write_json, writing
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
        resize: `none`, `quarter` or `max-side=N`.
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
    rule = parse_rule(resize)
    classes = classes or ('diagnosis' if year == 2017 else 'lesion')
    workers = available_cores() if workers is None else workers
    _check_arguments(year, classes, foreground, workers, duplicate_distance)
    out, split = Path(out), str(split)
    plan = make_plan(year, [Path(source) for source in sources], split, classes)
    with writing(out), run_lock(out / '.prepare', 'choose another --out'):
        progress = Progress(out, year)
        for name in ('prepare_report.json', *map(_annotation_file, SPLITS)):
            (out / name).unlink(missing_ok=True)

        jobs = [pair_job(pair, rule, foreground, out) for pair in plan.pairs.values()]
        records = progress.finish(jobs, 'pairs', plan, workers)
        twins = _find_twins(records, duplicate_distance)
        split_of = plan.split_of or split_by_ratio(group_ids(records, twins), seed)
        split_of, left_out = part_near_duplicates({i: split_of[i] for i in records}, twins)
        if split == 'official' and 'val' not in official_counts(year):
            split_of = draw_validation(split_of, twins, seed)
            count = Counter(split_of.values())
            plan.notes.append(
                f'ISIC {year} has no official validation part: {count["val"]} of the '
                f'{count["val"] + count["train"]} official training images were drawn for it '
                f'(seed {seed})'
            )
        members = {
            name: [records[i] for i in split_of if split_of[i] == name]
            for name in SPLITS
            if name in split_of.values()
        }
        if flip_copies:
            originals = [record for name in FLIPPED_SPLITS for record in members.get(name, ())]
            jobs = [job for record in originals for job in flip_jobs(record, out)]
            for copy in progress.finish(jobs, 'flip copies', plan, workers).values():
                members[split_of[copy.copy_of]].append(copy)

        turned = {i: record.orientation for i, record in records.items() if record.orientation != 1}
        plan.notes += _notes_on_images(records, turned)
        used = {record.isic_id for chosen in members.values() for record in chosen}
        if unused := len(progress.records.keys() - plan.pairs.keys() - used):
            plan.notes.append(f'{unused} images of an earlier run lie in {out} and in no split')
        if foreground != FOREGROUND:
            plan.notes.append(f'original_masks hold 255 where the files hold {foreground} or more')
        errors = sorted(plan.errors + _mask_errors(records))
        is_usable = 'train' in members and not (strict and errors)
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
            },
            'notes': plan.notes,
            'stored_turned': turned,
            'near_duplicates': {
                'distance': duplicate_distance,
                'pairs': [list(twin) for twin in twins],
                'left_out': [vars(entry) for entry in left_out],
            },
            'errors': {
                'counts': dict(sorted(Counter(error.kind for error in errors).items())),
                'list': [vars(error) for error in errors],
            },
        }
        write_json(out / 'prepare_report.json', report, indent=1)
        if not is_usable:
            reason = 'fix the errors, or drop --strict' if strict else 'no pair remains for train'
            raise InputError(
                f'{len(errors)} errors, and no annotations were written: {reason}. '
                f'{out / "prepare_report.json"} lists everything',
                list(map(str, errors)),
            )
        for name, chosen in members.items():
            info = {'description': f'ISIC {year} lesions, {name}', **settings}
            content = coco_split(info, chosen, plan.labels, classes)
            write_json(out / _annotation_file(name), content)
    return report


def _annotation_file(split: str) -> str:
    return f'annotations/{split}.json'


def _check_arguments(year: int, classes: str, foreground: int, workers: int, distance: int) -> None:
    checks = {
        f'year {year}: choose from {", ".join(map(str, YEARS))}': year in YEARS,
        f'classes {classes!r}: choose from {", ".join(CATEGORIES)}': classes in CATEGORIES,
        'classes diagnosis: 2016 is prepared with the one class lesion only': (
            (year, classes) != (2016, 'diagnosis')
        ),
        f'foreground {foreground}: give a gray value from 1 to 255': 1 <= foreground <= 255,
        f'workers {workers}: give at least 1': workers >= 1,
        f'duplicate distance {distance}: give 0 to {HASH_BITS} bits': 0 <= distance <= HASH_BITS,
    }
    if errors := [error for error, is_fine in checks.items() if not is_fine]:
        raise InputError('some settings do not fit', errors)


def _find_twins(records: dict[str, Record], distance: int) -> list[tuple[str, str, int]]:
    ids = list(records)
    twins = near_duplicates([record.hash for record in records.values()], distance)
    return [(ids[i], ids[j], bits) for i, j, bits in twins]


def _mask_errors(records: dict[str, Record]) -> list[PairError]:
    grays = [
        PairError(i, 'gray mask', f'{record.grays} pixels are neither 0 nor 255', left_out=False)
        for i, record in records.items()
        if record.grays
    ]
    return grays + [
        PairError(i, 'full mask', 'every pixel is lesion', left_out=False)
        for i, record in records.items()
        if record.share == 1
    ]


def _notes_on_images(records: dict[str, Record], turned: dict[str, int]) -> list[str]:
    notes = []
    if turned:
        notes.append(
            f'{len(turned)} images are stored turned or mirrored (EXIF orientation), such as '
            f'{", ".join(list(turned)[:3])}: they and their masks were turned upright; see '
            'stored_turned in prepare_report.json, and look at them with tools/browse_dataset.py'
        )
    inverted = sum(record.share > 0.5 and record.touches_border for record in records.values())
    if 2 * inverted > len(records):
        notes.append(
            f'in {inverted} of {len(records)} masks more than half is lesion, up to the border: '
            'if lesions are black in them, invert them and prepare again'
        )
    return notes
