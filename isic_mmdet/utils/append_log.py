"""Files that grow line by line. A kill or a full disk damages at most their last line."""

import os
from collections.abc import Iterator
from pathlib import Path

from isic_mmdet.utils.files import writing


def complete_lines(path: Path) -> Iterator[bytes]:
    """Yield the lines of a file with their line feeds, without an incomplete last line."""
    with path.open('rb') as file:
        yield from (line for line in file if line.endswith(b'\n'))


class LineFile:
    """A context that appends lines, each of which reaches the operating system at once.

    Its folder is created, and an incomplete last line of an earlier run is cut off.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> 'LineFile':
        with writing(self._path):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            # Unbuffered: a line that could not be written is not tried again at the end.
            self._file = self._path.open('ab', buffering=0)
            os.truncate(self._path, sum(map(len, complete_lines(self._path))))
        return self

    def add(self, line: str) -> None:
        """Append a line, which ends with a line feed; raises `InputError` as `writing`."""
        data = line.encode()
        with writing(self._path):
            while data:
                data = data[self._file.write(data) :]

    def __exit__(self, *exception: object) -> None:
        self._file.close()
