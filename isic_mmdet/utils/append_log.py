"""Files that grow line by line. A kill or a full disk damages at most their last line."""

import os
from pathlib import Path

from isic_mmdet.utils.files import writing


def whole_lines(path: Path) -> bytes:
    """Return the content of a file up to the end of its last complete line."""
    content, end, _ = path.read_bytes().rpartition(b'\n')
    return content + end


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
            os.truncate(self._path, len(whole_lines(self._path)))
        return self

    def add(self, line: str) -> None:
        """Append a line, which ends with a line feed; raises `InputError` as `writing`."""
        data = line.encode()
        with writing(self._path):
            while data:
                data = data[self._file.write(data) :]

    def __exit__(self, *exception: object) -> None:
        self._file.close()
