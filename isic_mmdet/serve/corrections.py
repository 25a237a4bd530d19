"""Outlines that a person accepted or corrected, in a folder of the computer that runs the server.

    images/NAME                      the image as it was uploaded
    masks/STEM_segmentation.png      its mask, 0 and 255, at the size of the stored image
    log.csv                          one row for each saved mask; the last one of an image counts

NAME may contain folders. `tools/prepare_folder.py --images DIR/images --masks DIR/masks` reads it.
"""

import csv
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path, PurePosixPath

from isic_mmdet.errors import InputError
from isic_mmdet.images.decoding import UnreadableError
from isic_mmdet.images.formats import FORMAT_NAMES, SUFFIXES, suffix
from isic_mmdet.utils.append_log import LineFile, complete_lines
from isic_mmdet.utils.files import write_atomically
from isic_mmdet.utils.run_lock import run_lock

#: What a person did with the predicted outline.
DECISIONS = ('accepted', 'corrected')

_COLUMNS = ('file', 'time', 'decision')
_NAME_BYTES = 255  # of a file, in all common file systems


class AlreadySavedError(Exception):
    """Another mask of the image is saved, and the request does not replace it."""


@dataclass(frozen=True)
class Decision:
    """A row of the log: one of `DECISIONS`, and the time in UTC as ISO 8601."""

    decision: str
    time: str


@contextmanager
def open_corrections(folder: Path) -> Iterator['Corrections']:
    """Open a folder, which is created if necessary, for this process alone.

    Raises:
        InputError: the folder cannot be written, another process uses it, or its log is not one.
    """
    path = folder / 'log.csv'
    with run_lock(folder, 'name another folder with --save'):
        # Read before it is opened for writing: a file of somebody else is not changed.
        decisions = _read_log(path)
        with LineFile(path) as log:
            if not path.stat().st_size:
                log.add(_row(*_COLUMNS))
            yield Corrections(folder, decisions, log)


class Corrections:
    """A folder of corrections, see `open_corrections`.

    Attributes:
        folder: the folder.
    """

    def __init__(self, folder: Path, decisions: dict[str, Decision], log: LineFile) -> None:
        self.folder = folder
        self._decisions = decisions
        self._log = log

    def find(self, name: str, image: bytes) -> tuple[bytes, Decision | None] | None:
        """Return the saved mask file of an image and what the log says about it.

        Raises:
            UnreadableError: no image can be saved under this name, or another one is.
        """
        image_path, mask_path = self._paths(name)
        if image_path.is_file() and image_path.read_bytes() != image:
            raise UnreadableError(f'another image is saved as {image_path}; rename this one')
        if not mask_path.is_file():
            return None
        return mask_path.read_bytes(), self._decisions.get(name)

    def save(self, name: str, image: bytes, mask: bytes, decision: str, replace: bool) -> None:
        """Save an image and its mask file; both are on the disk when it returns.

        Raises:
            AlreadySavedError: another mask of the image is saved, and `replace` is false.
            UnreadableError: as `find`.
            InputError: the operating system refuses.
        """
        image_path, mask_path = self._paths(name)
        saved = self.find(name, image)
        if saved is not None and saved[0] != mask and not replace:
            found = saved[1]
            when = f' ({found.decision}, {found.time})' if found else ''
            raise AlreadySavedError(f'an outline of {name} is saved already{when}')
        is_new = not image_path.exists()
        if is_new:
            write_atomically(image_path, image, durable=True)
        try:
            write_atomically(mask_path, mask, durable=True)
        except InputError:
            if is_new:
                image_path.unlink()  # an image without a mask would stop the preparation
            raise
        found = Decision(decision, datetime.now(timezone.utc).isoformat(timespec='seconds'))
        self._log.add(_row(name, found.time, found.decision))
        self._decisions[name] = found

    def _paths(self, name: str) -> tuple[Path, Path]:
        """Return where an image and its mask are, inside the folder."""
        pure = PurePosixPath(name)
        mask = pure.with_name(f'{pure.stem}_segmentation.png') if pure.name else pure
        if (problem := _problem(name, mask.name)) is not None:
            raise UnreadableError(f'{name!r} cannot be saved: {problem}; rename the image')
        image_path, mask_path = self.folder / 'images' / pure, self.folder / 'masks' / mask
        for path in (image_path, mask_path):
            if not path.resolve().is_relative_to(self.folder.resolve()):
                raise UnreadableError(f'{path} leads out of {self.folder}; remove its link')
        if image_path.parent.is_dir():
            for other in image_path.parent.iterdir():
                if other.stem == image_path.stem and other.name != image_path.name:
                    raise UnreadableError(
                        f'{other} is saved already, and its mask has the same name; '
                        'rename this image'
                    )
        return image_path, mask_path


def _problem(name: str, mask_name: str) -> str | None:
    """Return why a file cannot have this name, None if it can."""
    parts = name.split('/')
    if any(part in {'', '.', '..'} for part in parts):
        return 'it is not the path of a file in a folder'
    if any(part.startswith('.') for part in parts):
        return 'a name that begins with a point is hidden'
    if '\\' in name or any(ord(letter) < 32 or ord(letter) == 127 for letter in name):
        return 'it contains a backslash or a control character'
    if suffix(name) not in SUFFIXES:
        return f'its ending is not that of a {FORMAT_NAMES} image'
    try:
        sizes = [len(os.fsencode(part)) for part in (*parts, f'.{parts[-1]}.part')]
        sizes.append(len(os.fsencode(f'.{mask_name}.part')))
    except UnicodeEncodeError:
        return 'its letters are not in the character set of this computer'
    return 'it is too long' if max(sizes) > _NAME_BYTES else None


def _read_log(path: Path) -> dict[str, Decision]:
    """Return the last decision about each image."""
    if not path.exists():
        return {}
    wrong = InputError(f'{path}: not a log of tools/serve.py; name another folder with --save')
    try:
        text = b''.join(complete_lines(path)).decode()
    except UnicodeDecodeError as error:
        raise wrong from error
    except OSError as error:
        raise InputError(f'{path}: cannot be read ({error.strerror}); correct that') from error
    header, *rows = csv.reader(io.StringIO(text, newline='')) if text else [[*_COLUMNS]]
    if tuple(header) != _COLUMNS or any(len(r) != 3 or r[2] not in DECISIONS for r in rows):
        raise wrong
    return {file: Decision(decision, time) for file, time, decision in rows}


def _row(*cells: str) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator='\n').writerow(cells)
    return line.getvalue()
