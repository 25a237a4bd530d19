"""Files that were found among images and are in formats that are not read."""

from collections import defaultdict

from isic_mmdet.images.formats import UNREAD, suffix, unread_format
from isic_mmdet.images.sources import SourceFile

# Names that are shown of each format.
_SHOWN = 3
_NO_ENDING = 'without an ending'
_REMEDIES = {**UNREAD, _NO_ENDING: 'add .jpg or .png to its name'}
_PLAIN_SIGNATURES = (b'\xff\xd8\xff', b'\x89PNG\r\n\x1a\n')


class Skipped:
    """Counts files by their ending.

    Attributes:
        count: of all files.
    """

    def __init__(self) -> None:
        self.count = 0
        self._names: defaultdict[str, list[str]] = defaultdict(list)

    def add(self, ending: str, name: str) -> None:
        """Count a file with an ending of `unread_ending`."""
        self.count += 1
        self._names[ending].append(name if name.isprintable() else ascii(name))

    def __str__(self) -> str:
        """Return one line, such as '2 files in formats that are not read: 2 .heic (...)'."""
        kinds = [
            f'{len(names)} {ending} ({_some(names)}; {_REMEDIES[ending]})'
            for ending, names in sorted(self._names.items(), key=lambda item: -len(item[1]))
        ]
        files = '1 file' if self.count == 1 else f'{self.count} files'
        return f'{files} in formats that are not read: {", ".join(kinds)}'


def _some(names: list[str]) -> str:
    return ', '.join([*names[:_SHOWN], *(['...'] if len(names) > _SHOWN else [])])


def unread_ending(file: SourceFile) -> str | None:
    """Return the ending of an image that is not read; None for what is read or is no image.

    DICOM files often have no ending, or end in the digits of an identifier: these are looked into.
    """
    ending = suffix(file.name)
    if ending in UNREAD:
        return ending
    if ending and not ending[1:].isdigit():
        return None
    start = _start(file)
    if start.startswith(_PLAIN_SIGNATURES):
        return _NO_ENDING
    told = unread_format(start)
    return '.dcm' if told is not None and told.startswith('DICOM') else None


def _start(file: SourceFile) -> bytes:
    try:
        if file.member is not None:
            return file.read()[:256]
        if not file.path.is_file():
            return b''
        with file.path.open('rb') as stream:
            return stream.read(256)
    except Exception:  # whatever is wrong with it, no image is lost: it has no image's name
        return b''
