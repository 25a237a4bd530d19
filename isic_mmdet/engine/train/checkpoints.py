"""Checkpoints of a training: how they are written, and from which one it is resumed."""

import zipfile
from pathlib import Path
from typing import Any

import torch
from mmengine.fileio import LocalBackend, register_backend

from isic_mmdet.compat.checkpoint import load_from_local
from isic_mmdet.errors import InputError
from isic_mmdet.utils.files import write_atomically

INTERRUPTED = 'interrupted.pth'
# Keys of a checkpoint's `meta`: iterations per epoch; how the model was trained; and the ids of
# all images that its weights were trained on.
ITERATIONS = 'epoch_iterations'
TRAINING = 'training'
TRAINING_IMAGES = 'training_images'
# Keys of its `message_hub.runtime_info`: the last epoch that was validated, and whether early
# stopping ended the training.
VALIDATED = 'last_validated_epoch'
ENDED_EARLY = 'ended_early'


class AtomicBackend(LocalBackend):
    """mmengine's local storage, in which a killed run leaves no truncated files.

    Configs name it as `backend_args=dict(backend='atomic')`.
    """

    def put(self, obj: bytes, filepath: str | Path) -> None:
        """Write a file under another name, flush it to the disk and rename it.

        Raises:
            InputError: the file cannot be written; an earlier file of this name is unchanged.
        """
        write_atomically(filepath, obj, durable=True)


register_backend('atomic', AtomicBackend, force=True)


def newest_checkpoint(work_dir: Path) -> tuple[Path | None, list[Path]]:
    """Return the undamaged checkpoint with the most training, and the damaged checkpoints.

    Args:
        work_dir: of a run. Checkpoints of the best epoch are ignored: they have no optimizer.

    Returns:
        The path of the checkpoint, None if there is none; and the paths of the damaged ones.
    """
    epochs: dict[Path, float] = {}
    damaged = []
    # In this order: if two have the same progress, the one at the end of an epoch is taken.
    saved = [*sorted(work_dir.glob('epoch_*.pth')), *sorted(work_dir.glob('iter_*.pth'))]
    for path in [*saved, work_dir / INTERRUPTED]:
        if not path.exists():
            continue
        found = _epochs(path)
        if found is None:
            damaged.append(path)
        else:
            epochs[path] = found
    return max(epochs, key=lambda path: epochs[path], default=None), damaged


def open_checkpoint(path: Path) -> Any:
    """Return the content of a checkpoint; its weights are read from the file when they are used.

    Raises:
        InputError: the file cannot be read, or contains other objects than tensors and plain
            values.
    """
    try:
        return torch.load(path, map_location='cpu', weights_only=True, mmap=True)
    except Exception:
        # Older formats cannot be mapped into memory. This also names any error of the file.
        return load_from_local(str(path))


def progress(path: Path) -> float:
    """Return how many epochs, with their fraction, a checkpoint was trained for.

    Raises:
        InputError: it is damaged.
    """
    epochs = _epochs(path)
    if epochs is None:
        raise InputError(f'{path} is damaged; resume from another checkpoint')
    return epochs


def _epochs(path: Path) -> float | None:
    """Return how many epochs a checkpoint was trained for; None if it is damaged."""
    try:
        with zipfile.ZipFile(path) as archive:
            if archive.testzip() is not None:
                return None
    except (OSError, zipfile.BadZipFile):
        return None
    try:
        checkpoint = open_checkpoint(path)
        return checkpoint['meta']['iter'] / checkpoint['meta'].get(ITERATIONS, 1)
    except (TypeError, KeyError) as error:
        raise InputError(
            f'{path} is not a checkpoint of tools/train.py; remove it from the work dir, or name '
            'the checkpoint to resume from: --resume CKPT'
        ) from error
