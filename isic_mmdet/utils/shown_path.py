"""Paths in messages."""

from pathlib import Path


def shown_path(path: str | Path) -> str:
    """Return a path without '..', and as short as the current folder allows."""
    full, here = Path(path).absolute(), Path.cwd()
    if '..' in full.parts:
        full = full.resolve()
    return str(full.relative_to(here) if full.is_relative_to(here) else full)
