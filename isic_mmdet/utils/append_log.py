"""Files that grow by a line at a time, of which a kill or a full disk tears at most the last."""

import os
from pathlib import Path
from types import TracebackType

from isic_mmdet.utils.files import writing


def whole_lines(path: Path) -> bytes:
    """Return the content of a file up to the end of its last whole line."""
    end = b'\n'
    content, found, _ = path.read_bytes().rpartition(end)
    return content + found


class LineFile:
    """Lines that are with the operating system as soon as they are added.

    Used as a context; a last line that an earlier run left without its end is cut off first.

    Args:
        path: of the file; its folder is made.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> 'LineFile':
        with writing(self._path):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            # Unbuffered: what could not be written is not tried again when the file is closed.
            self._file = self._path.open('ab', buffering=0)
            os.truncate(self._path, len(whole_lines(self._path)))
        return self

    def add(self, line: str) -> None:
        """Append a line, which ends with a line feed.

        Raises:
            InputError: it cannot be written.
        """
        data = line.encode()
        with writing(self._path):
            while data:
                data = data[self._file.write(data) :]

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()
