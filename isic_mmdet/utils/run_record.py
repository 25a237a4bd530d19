"""Folders that hold the results of one model, one data set and one set of settings."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from isic_mmdet.errors import InputError
from isic_mmdet.utils.schema import read_checked_json

_DIGEST = re.compile(r'[0-9a-f]{64}')


def require_same_run(
    record: Path,
    now: Mapping[str, Any],
    what: str,
    remedy: str,
    names: Mapping[str, tuple[str, str]] | None = None,
) -> dict[str, Any]:
    """Return what a folder records about its run, after a comparison with the facts of this run.

    Args:
        record: JSON file in the folder. If it is missing, there is nothing to compare.
        now: facts of this run, by their names in the file.
        what: what the folder holds if they differ, for the message.
        remedy: what to do then, for the message.
        names: for a digest among the facts, which recorded text names the file that it is of, and
            that text of this run.

    Raises:
        InputError: facts differ, or the file is damaged.
    """
    if not record.is_file():
        return {}
    recorded: dict[str, Any] = read_checked_json(record, {}, remedy)
    changed = []
    for fact, value in now.items():
        if (old := recorded.get(fact)) != value:
            key, name = (names or {}).get(fact, ('', ''))
            changed.append(f'{fact}: {_shown(old, recorded.get(key))}, now {_shown(value, name)}')
    if changed:
        raise InputError(f'{record.parent} holds {what}; {remedy}:', changed)
    return recorded


def _shown(value: Any, name: str | None) -> str:
    """Return a fact for a message; of a digest its first digits, behind the name of the file."""
    text = str(value)
    if _DIGEST.fullmatch(text) is None:
        return text
    return f'{name} ({text[:8]})' if name else text[:8]
