"""Which checkpoint of a work dir training is resumed from, and what it records."""

import zipfile
from pathlib import Path
from typing import Any

import torch
from mmengine.fileio import LocalBackend, register_backend

from isic_mmdet.compat.checkpoint import load_from_local
from isic_mmdet.errors import InputError
from isic_mmdet.utils.files import write_atomically

INTERRUPTED = 'interrupted.pth'
# Of a checkpoint's `meta`: iterations of an epoch.
ITERATIONS = 'epoch_iterations'
# How the model was trained, and the ids of all images that its weights have seen.
TRAINING = 'training'
TRAINING_IMAGES = 'training_images'
# Of its `message_hub.runtime_info`: the last epoch that was validated, and whether early stopping
# ended the training.
VALIDATED = 'last_validated_epoch'
ENDED_EARLY = 'ended_early'


def newest_checkpoint(work_dir: Path) -> tuple[Path | None, list[Path]]:
    """Return the checkpoint that is farthest on, and those that were passed over for being torn.

    Args:
        work_dir: of a run; checkpoints of the best epoch, without an optimizer, do not count.

    Returns:
        The path of the one with most epochs and parts of them, None where there is no whole one;
        and the paths of damaged ones.
    """
    epochs: dict[Path, float] = {}
    torn = []
    # In this order, so that of two that are equally far the one at the end of an epoch wins.
    saved = [*sorted(work_dir.glob('epoch_*.pth')), *sorted(work_dir.glob('iter_*.pth'))]
    for path in [*saved, work_dir / INTERRUPTED]:
        if not path.exists():
            continue
        found = _epochs(path)
        if found is None:
            torn.append(path)
        else:
            epochs[path] = found
    return max(epochs, key=lambda path: epochs[path], default=None), torn


def open_checkpoint(path: Path) -> Any:
    """Return what a checkpoint holds, without reading its weights.

    They are mapped into memory, and read when they are used.

    Raises:
        InputError: the file cannot be read, or holds something else than tensors and plain values.
    """
    try:
        return torch.load(path, map_location='cpu', weights_only=True, mmap=True)
    except Exception:
        return load_from_local(str(path))  # older formats cannot be mapped; names any fault


def progress(path: Path) -> float:
    """Return how many epochs, and what part of one, a checkpoint has behind it.

    Raises:
        InputError: it is damaged.
    """
    epochs = _epochs(path)
    if epochs is None:
        raise InputError(f'{path} is damaged; resume from another checkpoint')
    return epochs


def _epochs(path: Path) -> float | None:
    """Return how many epochs a checkpoint has behind it; None where it is damaged."""
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
            f'{path} is not a checkpoint of tools/train.py; take it out of the work dir, or name '
            'the one to go on from: --resume CKPT'
        ) from error


class AtomicBackend(LocalBackend):
    """mmengine's local storage, with files that a killed run never leaves torn.

    Configs name it as `backend_args=dict(backend='atomic')`.
    """

    def put(self, obj: bytes, filepath: str | Path) -> None:
        """Write a file under another name, onto the disk, and move it to its place.

        Raises:
            InputError: it cannot be written; what was there before still is.
        """
        write_atomically(filepath, obj, durable=True)


register_backend('atomic', AtomicBackend, force=True)
