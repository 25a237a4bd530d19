"""Writing a file so that nobody ever sees half of it."""

import os
from pathlib import Path


def write_atomically(path: str | Path, data: bytes) -> None:
    """Write a file under a temporary name beside its place, then move it there.

    Folders that are missing are made. Several processes may write into the same folder.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f'.{path.name}.{os.getpid()}.part')
    try:
        part.write_bytes(data)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
