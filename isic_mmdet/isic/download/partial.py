"""A file that is not complete yet, and what the bytes in it belong to."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Remote:
    """What a server says of a file.

    Attributes:
        size: in bytes, None where it does not tell.
        validator: strong ETag, else the date of the last change, else None.
    """

    size: int | None = None
    validator: str | None = None


class PartialFile:
    """`NAME.part` with the bytes, and `NAME.part.json` with address, size and validator.

    Args:
        path: of the bytes.
        url: where they come from. Bytes from another address are never continued.
    """

    def __init__(self, path: Path, url: str) -> None:
        self.path = path
        self.url = url
        self._state = path.with_name(path.name + '.json')

    @property
    def on_disk(self) -> int:
        """Bytes in the file, whether they can be continued or not."""
        return self.path.stat().st_size if self.path.exists() else 0

    @property
    def origin(self) -> Remote | None:
        """What the bytes belong to; None when there are none, or none that can be continued."""
        try:
            state = json.loads(self._state.read_text(encoding='utf-8'))
            origin = Remote(state['size'], state['validator'])
            same = state['url'] == self.url
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return None
        return origin if same and origin.validator and self.on_disk else None

    def held(self, remote: Remote) -> int:
        """Return how many bytes of `remote` need not be fetched again."""
        origin = self.origin
        return self.on_disk if origin and origin.validator == remote.validator else 0

    def start(self, remote: Remote) -> None:
        """Make the file empty, for the bytes of `remote`.

        The bytes go before the note about them changes: a process killed in between leaves an
        empty file, not old bytes under a new note.
        """
        self.path.write_bytes(b'')
        note = json.dumps({'url': self.url, **asdict(remote)})
        fresh = self._state.with_name(self._state.name + '.new')
        fresh.write_text(note, encoding='utf-8')
        fresh.replace(self._state)

    def finish(self, path: Path) -> None:
        """Give the bytes their name `path`."""
        self.path.replace(path)
        self._state.unlink(missing_ok=True)

    def discard(self) -> None:
        """Remove the bytes and the note about them."""
        self.path.unlink(missing_ok=True)
        self._state.unlink(missing_ok=True)
