"""Writing files so that a reader, or a run that was killed, never sees half of one."""

import json
import os
from pathlib import Path
from typing import Any


def write_atomic(path: Path, data: bytes) -> None:
    """Write `data` to `path` through a temporary file in the same folder.

    The temporary name is fixed, so what a killed run left behind is overwritten by the next one.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f'.{path.name}.tmp')
    temporary.write_bytes(data)
    os.replace(temporary, path)  # noqa: PTH105 - the usual name of the atomic operation


def write_json(path: Path, value: Any, indent: int | None = None) -> None:
    """Write `value` as UTF-8 JSON, keys in the order given, atomically."""
    separators = (',', ':') if indent is None else None
    text = json.dumps(value, indent=indent, separators=separators, ensure_ascii=False)
    write_atomic(path, (text + '\n').encode())
