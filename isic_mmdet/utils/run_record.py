"""Folders that hold the results of one model, one data set and one set of settings."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from isic_mmdet.errors import InputError
from isic_mmdet.utils.schema import read_checked_json


def require_same_run(
    record: Path, now: Mapping[str, Any], what: str, remedy: str
) -> dict[str, Any]:
    """Return what a folder records about its run, after a comparison with the facts of this run.

    Args:
        record: JSON file in the folder. If it is missing, there is nothing to compare.
        now: facts of this run, by their names in the file.
        what: what the folder holds if they differ, for the message.
        remedy: what to do then, for the message.

    Raises:
        InputError: facts differ, or the file is damaged.
    """
    if not record.is_file():
        return {}
    recorded: dict[str, Any] = read_checked_json(record, {}, remedy)
    changed = [
        f'{name}: {recorded.get(name)}, now {value}'
        for name, value in now.items()
        if recorded.get(name) != value
    ]
    if changed:
        raise InputError(f'{record.parent} holds {what}; {remedy}:', changed)
    return recorded
