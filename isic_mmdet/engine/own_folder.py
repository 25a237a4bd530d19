"""Paths in a checkpoint, which stay inside the work dir of the run that loads it."""

import os
from pathlib import Path
from typing import Any

# Paths and scores that `CheckpointHook` keeps in `message_hub.runtime_info`; with several metrics
# each name is followed by `_<metric>`.
_BEST_PATH, _BEST_SCORE, _LAST_PATH, _KEPT = 'best_ckpt', 'best_score', 'last_ckpt', 'keep_ckpt_ids'


def holds(work_dir: str | Path, path: str | Path) -> bool:
    """Tell whether a file lies directly in a folder, whatever links lead there."""
    return Path(path).resolve().parent == Path(work_dir).resolve()


def make_relative(info: dict[str, Any], work_dir: str) -> None:
    """Write the paths of a run relative to its work dir.

    Args:
        info: `message_hub.runtime_info` of a checkpoint that is about to be saved; in place.
        work_dir: of the run.
    """
    for key in _paths(info):
        if info[key] is not None:
            info[key] = os.path.relpath(info[key], work_dir)


def make_own(info: dict[str, Any], work_dir: str, is_own: bool) -> list[str]:
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
    for key in _paths(info):
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


def _paths(info: dict[str, Any]) -> list[str]:
    return [key for key in info if key.startswith((_BEST_PATH, _LAST_PATH))]


def make_last_relative(work_dir: str) -> None:
    """Write the path in `last_checkpoint`, if there is one, relative to the work dir."""
    path = Path(work_dir, 'last_checkpoint')
    if path.is_file() and Path(last := path.read_text()).is_absolute():
        path.write_text(os.path.relpath(last, work_dir))
