"""Writing files so that a reader, or the next run after a kill, never sees half of one."""

import hashlib
import json
from pathlib import Path
from typing import Any


def write_atomically(path: str | Path, data: bytes, writer: str = '') -> None:
    """Write a file under a temporary name beside its place, then move it there.

    Folders that are missing are made. The temporary name is fixed, so that what a killed run
    left behind is written over by the next one.

    Args:
        path: of the file.
        data: its whole content.
        writer: tells processes apart that may write the same file at the same time.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f'.{path.name}{writer}.part')
    try:
        part.write_bytes(data)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def write_json(path: Path, value: Any, indent: int | None = None) -> None:
    """Write `value` as UTF-8 JSON, keys in the order given, atomically."""
    separators = (',', ':') if indent is None else None
    text = json.dumps(value, indent=indent, separators=separators, ensure_ascii=False)
    write_atomically(path, (text + '\n').encode())


def sha256(path: str | Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    digest = hashlib.sha256()
    with Path(path).open('rb') as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
