"""Predicts a set of images: check, distribute, predict, join the tables."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from isic_mmdet.deploy.predict.annotations import COCO_FILE, join_coco_parts
from isic_mmdet.deploy.predict.folder import in_groups, predict_groups, still_to_do
from isic_mmdet.deploy.predict.inputs import find_images
from isic_mmdet.deploy.predict.models import Model
from isic_mmdet.deploy.predict.processes import Group
from isic_mmdet.deploy.predict.settings import FolderSettings
from isic_mmdet.deploy.predict.table import is_begun, join_parts, read_rows
from isic_mmdet.deploy.segmentation import Segmenter
from isic_mmdet.errors import InputError
from isic_mmdet.evaluation.expected_iou import REMEDY
from isic_mmdet.images.sources import SourceFile, close_zips
from isic_mmdet.isic.submission import check_submission, write_submission
from isic_mmdet.utils.files import write_json
from isic_mmdet.utils.run_lock import run_lock
from isic_mmdet.utils.run_record import require_same_run

# Names the model of the folder, so that two models never share one.
_MODEL_FILE = 'predictions.json'
_OTHER_THRESHOLD = 'not known, because the model is calibrated for its own threshold'
_NOT_KNOWN = (
    'not known, because the model has no calibration; write a checkpoint with one, and export it '
    f'again: {REMEDY}'
)


def predict(
    model: Model,
    inputs: Sequence[str],
    settings: FolderSettings,
    resume: bool = False,
    submission: str | None = None,
    group: Group = Group(),  # noqa: B008 - immutable
) -> str:
    """Predict images into a folder, alone or as one of several processes.

    Args:
        model: the model.
        inputs: see `isic_mmdet.deploy.predict.inputs.find_images`.
        settings: of the folder.
        resume: continue in a folder with predictions, and keep the finished images.
        submission: path of a zip for the challenge, with the masks of all `inputs`.
        group: the processes that share the images.

    Returns:
        A summary; empty on all processes except the first.

    Raises:
        InputError: before any work, wrong arguments or another process that predicts into the
            same folder; after it, images that could not be read, or a submission that the
            challenge would refuse.
    """
    with run_lock(settings.out, 'name another --out', needed=group.rank == 0):
        close_zips()  # they may have changed since an earlier call
        files, skipped = find_images(inputs, settings.out)
        if submission is not None:
            check_submission(submission, files)
        segmenter, facts = _loaded(model)
        facts |= settings.facts()
        _check_folder(settings, files, facts, resume)
        errors = _predict_share(segmenter, files, settings, facts, group)
        if group.rank != 0:
            return ''
        join_parts(settings.out)
        if 'coco' in settings.formats:
            join_coco_parts(settings.out, segmenter.classes)
        if errors:
            raise InputError(
                f'{len(errors)} of {len(files)} images could not be read; the others are in '
                f'{settings.out}. Fix or remove these and run the command again with --resume'
                + (f' ({submission} was not written)' if submission else '')
                + (f'; also skipped: {skipped}:' if skipped else ':'),
                errors,
                shown=len(errors),
            )
        if submission is not None:
            write_submission(submission, settings.out, files)
        why_unknown = _NOT_KNOWN if segmenter.calibration is None else _OTHER_THRESHOLD
        return _summary(settings, files, submission, skipped, why_unknown)


def _loaded(model: Model) -> tuple[Segmenter, dict[str, Any]]:
    with ThreadPoolExecutor(1) as thread:
        # Checksums are computed while the model loads.
        pending = thread.submit(model.facts)
        return model.load(), pending.result()


def _summary(
    settings: FolderSettings,
    files: Mapping[str, SourceFile],
    submission: str | None,
    skipped: str,
    why_unknown: str,
) -> str:
    """Return what was written; `why_unknown` is why no image says whether to check it."""
    out = settings.out
    rows = (row for row in read_rows(out) if row['image'] in files)
    counts = Counter((bool(row['label']), row['check']) for row in rows)
    missed = sum(number for (has_lesion, _), number in counts.items() if not has_lesion)
    checked = sum(number for (_, check), number in counts.items() if check == 'True')
    is_known = any(check for _, check in counts)
    lines = {
        'masks': out,
        'table': out / 'predictions.csv',
        'overlays': out / 'overlays' if settings.overlay else None,
        'probabilities': out / 'probabilities' if settings.probabilities else None,
        'crops': out / 'crops' if settings.crops is not None else None,
        'COCO': out / COCO_FILE if 'coco' in settings.formats else None,
        'LabelMe': out / 'labelme' if 'labelme' in settings.formats else None,
        'submission': submission,
        'skipped': skipped,
        'to check': f'{checked} images' if is_known else why_unknown,
    }
    width = max(11, *(len(title) + 1 for title, line in lines.items() if line))
    summary = [f'{title + ":":<{width}} {line}' for title, line in lines.items() if line]
    images = '1 image' if counts.total() == 1 else f'{counts.total()} images'
    return '\n'.join([f'{images}, {missed} without a detection', *summary])


def _predict_share(
    segmenter: Segmenter,
    files: Mapping[str, SourceFile],
    settings: FolderSettings,
    facts: Mapping[str, Any],
    group: Group,
) -> list[str]:
    """Predict the images of this process, and return the errors of all processes."""
    # Every process distributes all images, before it looks for finished ones: two processes may see
    # different states of the folder.
    share = in_groups(files, settings.batch_size)[group.rank :: group.size]
    todo = still_to_do([name for part in share for name, _ in part], settings)
    group.gather(None)
    if group.rank == 0:
        used = {name: value for name, value in facts.items() if value is not None}
        write_json(settings.out / _MODEL_FILE, used, indent=2)
    errors = predict_groups(segmenter, share, todo, settings, group.rank)
    return [error for part in group.gather(errors) for error in part]


def _check_folder(
    settings: FolderSettings, names: Iterable[str], facts: Mapping[str, Any], resume: bool
) -> None:
    out = settings.out
    if not is_begun(out):
        # An earlier run that was killed before its first row has left the file of its model.
        if not (out / _MODEL_FILE).exists():
            _check_masks([path for path in map(settings.mask, names) if path.exists()])
        return
    if not resume:
        raise InputError(
            f'{out} already holds predictions; add --resume to continue them, name another '
            '--out, or remove the folder'
        )
    require_same_run(
        out / _MODEL_FILE,
        facts,
        'predictions of another model or with other options',
        'name another --out, or remove the folder',
    )


def _check_masks(found: Sequence[Path]) -> None:
    """Refuse to replace masks that no prediction wrote, such as the true ones of the user."""
    if found:
        raise InputError(
            'masks that predict.py did not write would be replaced; name another --out:',
            list(map(str, found)),
        )
