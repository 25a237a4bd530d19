"""Which checkpoint of a work dir training goes on from."""

import zipfile
from pathlib import Path

import torch

from isic_mmdet.errors import InputError

INTERRUPTED = 'interrupted.pth'


def newest_checkpoint(work_dir: Path) -> tuple[Path | None, list[Path]]:
    """Return the checkpoint that is farthest on, and those that were passed over for being torn.

    Args:
        work_dir: of a run; checkpoints of the best epoch, without an optimiser, do not count.

    Returns:
        The path of the one with most iterations, None where there is no whole one; and the paths
        of damaged ones.
    """
    iterations: dict[Path, int] = {}
    torn = []
    # In this order, so that of two that are equally far the one at the end of an epoch wins.
    for path in [*sorted(work_dir.glob('epoch_*.pth')), work_dir / INTERRUPTED]:
        if not path.exists():
            continue
        found = _iteration(path)
        if found is None:
            torn.append(path)
        else:
            iterations[path] = found
    return max(iterations, key=lambda path: iterations[path], default=None), torn


def _iteration(path: Path) -> int | None:
    """Return how many iterations a checkpoint has behind it; None where it is damaged."""
    try:
        with zipfile.ZipFile(path) as archive:
            if archive.testzip() is not None:
                return None
    except (OSError, zipfile.BadZipFile):
        return None
    # Mapped into memory, so that nothing of the weights is read.
    checkpoint = torch.load(path, map_location='cpu', weights_only=True, mmap=True)
    try:
        return int(checkpoint['meta']['iter'])
    except (TypeError, KeyError) as error:
        raise InputError(
            f'{path} is not a checkpoint of tools/train.py; take it out of the work dir, or name '
            'the one to go on from: --resume CKPT'
        ) from error
