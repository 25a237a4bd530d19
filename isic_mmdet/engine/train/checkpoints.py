"""Checkpoints of a training: how they are written, and from which one it is resumed."""

import io
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from mmengine.fileio import LocalBackend, register_backend

from isic_mmdet.compat.checkpoint import load_from_local
from isic_mmdet.errors import InputError
from isic_mmdet.evaluation.expected_iou import MIN_IMAGES, ExpectedIoU, fit_expected_iou
from isic_mmdet.evaluation.per_image import Row
from isic_mmdet.utils.files import write_atomically

INTERRUPTED = 'interrupted.pth'
# Keys of a checkpoint's `meta`: iterations per epoch; how the model was trained; the ids of all
# images that its weights were trained on; and the calibration of its expected IoU.
ITERATIONS = 'epoch_iterations'
TRAINING = 'training'
TRAINING_IMAGES = 'training_images'
EXPECTED_IOU = 'expected_iou'
# Keys of its `message_hub.runtime_info`: the last epoch that was validated, and whether early
# stopping ended the training.
VALIDATED = 'last_validated_epoch'
ENDED_EARLY = 'ended_early'
# Keys that `CheckpointHook` writes there; with several metrics, `_<metric>` follows the first two.
_BEST_PATH, _BEST_SCORE, _LAST_PATH, _KEPT = 'best_ckpt', 'best_score', 'last_ckpt', 'keep_ckpt_ids'


class AtomicBackend(LocalBackend):
    """mmengine's local storage, in which a killed run leaves no truncated files.

    Configs name it as `backend_args=dict(backend='atomic')`.
    """

    def put(self, obj: bytes, filepath: str | Path) -> None:
        """Write a file under another name, flush it to the disk and rename it."""
        write_atomically(filepath, obj, durable=True)


register_backend('atomic', AtomicBackend, force=True)


class DamagedCheckpointError(InputError):
    """A checkpoint is truncated or has another content than was written."""


def newest_checkpoint(work_dir: Path) -> tuple[Path | None, list[Path]]:
    """Return the undamaged checkpoint with the most training, and the damaged checkpoints.

    Checkpoints of the best epoch are ignored: they have no optimizer.
    """
    epochs: dict[Path, float] = {}
    damaged = []
    # In this order: if two have the same progress, the one at the end of an epoch is taken.
    saved = [*sorted(work_dir.glob('epoch_*.pth')), *sorted(work_dir.glob('iter_*.pth'))]
    for path in filter(Path.exists, [*saved, work_dir / INTERRUPTED]):
        try:
            epochs[path] = progress(path)
        except DamagedCheckpointError:
            damaged.append(path)
    return max(epochs, key=lambda path: epochs[path], default=None), damaged


def open_checkpoint(path: Path) -> Any:
    """Return the content of a checkpoint; its weights are read from the file when they are used."""
    try:
        return torch.load(path, map_location='cpu', weights_only=True, mmap=True)
    except Exception:
        # Older formats cannot be mapped into memory. This also names any error of the file.
        return load_from_local(str(path))


def trained_classes(path: Path) -> tuple[str, ...] | None:
    """Return the classes that a checkpoint was trained for; None if it does not record them."""
    content = open_checkpoint(path)
    meta = content.get('meta') if isinstance(content, Mapping) else None
    classes = ((meta or {}).get('dataset_meta') or {}).get('classes')
    return None if classes is None else tuple(classes)


def expected_iou_in(checkpoint: Mapping[str, Any], path: object) -> ExpectedIoU | None:
    """Return the calibration in the content of a checkpoint; None without one.

    Raises:
        InputError: it is damaged.
    """
    return ExpectedIoU.from_json(checkpoint.get('meta', {}).get(EXPECTED_IOU), path)


def write_calibrated(path: str | Path, rows: Sequence[Row], out: str | Path) -> None:
    """Write a copy of a checkpoint with the calibration from a validation.

    Args:
        path: of the checkpoint.
        rows: of the `per_image.csv` of its validation.
        out: path of the copy.

    Raises:
        InputError: the images are too few, or more certain masks are not better.
    """
    calibration = fit_expected_iou(rows)
    if calibration is None:
        found = sum(row['score'] is not None for row in rows)
        if found < MIN_IMAGES:
            raise InputError(
                f'{out} was not written: a calibration takes {MIN_IMAGES} validation images with a '
                f'detection, and {found} of these {len(rows)} have one; validate with more images'
            )
        raise InputError(
            f'{out} was not written: in these {len(rows)} images, the certainty of the masks does '
            'not predict their IoU; validate with more images, or train longer'
        )
    content = dict(load_from_local(str(path)))
    content['meta'] = {**content.get('meta', {}), EXPECTED_IOU: calibration.to_json()}
    data = io.BytesIO()
    torch.save(content, data)
    write_atomically(out, data.getvalue(), durable=True)


def progress(path: Path) -> float:
    """Return how many epochs, with their fraction, a checkpoint was trained for.

    Raises:
        DamagedCheckpointError: the checksums of the file are wrong.
        InputError: it is not a checkpoint of a training.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            is_damaged = archive.testzip() is not None
    except (OSError, zipfile.BadZipFile):
        is_damaged = True
    if is_damaged:
        raise DamagedCheckpointError(f'{path} is damaged; resume from another checkpoint')
    try:
        meta = open_checkpoint(path)['meta']
        return meta['iter'] / meta.get(ITERATIONS, 1)
    except (TypeError, KeyError) as error:
        raise InputError(
            f'{path} is not a checkpoint of tools/train.py; remove it from the work dir, or name '
            'the checkpoint to resume from: --resume CKPT'
        ) from error


def holds(work_dir: str | Path, path: str | Path) -> bool:
    """Return whether a file lies directly in a folder, whatever links lead there."""
    return Path(path).resolve().parent == Path(work_dir).resolve()


def adopt_paths(info: dict[str, Any], work_dir: str, is_own: bool) -> list[str]:
    """Replace the paths of a checkpoint by those of the run that loads it.

    A best checkpoint that is not in the work dir is forgotten with its score: the run then keeps a
    best checkpoint of its own, and `CheckpointHook` does not delete the other one.

    Args:
        info: `message_hub.runtime_info` of the checkpoint; changed in place.
        work_dir: of the run.
        is_own: whether the checkpoint lies in `work_dir`.

    Returns:
        Lines for the log.
    """
    if not is_own:
        info.pop(_KEPT, None)  # epochs of the other run, whose files are not here
    notes = []
    for key in [key for key in info if key.startswith((_BEST_PATH, _LAST_PATH))]:
        path = Path(work_dir, Path(info[key] or '').name)
        if is_own and path.is_file():
            info[key] = str(path)
            continue
        known = info.pop(key)
        if key.startswith(_BEST_PATH):
            score = info.pop(key.replace(_BEST_PATH, _BEST_SCORE, 1), None)
            notes.append(
                f'the best checkpoint so far ({known}, score {score}) is not in {work_dir}: this '
                'run keeps the best of its own validations'
            )
    return notes
