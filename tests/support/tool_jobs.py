"""Jobs of the tools that write results, and the files of an undisturbed run."""

import csv
import io
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.disk_faults import Tool, content, counted


@dataclass
class Job:
    """A job that a tool does in new folders.

    Attributes:
        tool: that does it.
        arguments: of the tool for a folder to work in.
        again: further arguments with which it continues.
        set_up: brings a new folder to the state that the tool expects.
        steps: how many steps it takes on the disk, see `disk_faults.Disk`.
        size: bytes that it writes.
        seconds: that it takes.
        expected: what an undisturbed run leaves, by path, without what depends on the clock.
    """

    tool: Tool
    arguments: Callable[[Path], list]
    again: tuple[str, ...] = ()
    set_up: Callable[[Path], None] = lambda folder: None
    steps: int = 0
    size: int = 0
    seconds: float = 0
    expected: dict[str, bytes] = field(default_factory=dict)

    def measure(self, folder: Path) -> 'Job':
        """Run undisturbed, and record steps, bytes, seconds and files."""
        work = folder / 'undisturbed'
        self.set_up(work)
        started = time.monotonic()
        self.steps, self.size = counted(
            self.tool, tuple(self.arguments(work)), work, folder / 'counts'
        )
        self.seconds = time.monotonic() - started
        self.expected = self.left_in(work)
        return self

    def left_in(self, folder: Path) -> dict[str, bytes]:
        """Return what is in a folder, without what depends on the clock."""
        return {name: timeless(name, data) for name, data in content(folder).items()}

    def finish(self, folder: Path) -> None:
        """Continue to the end, and compare all files with those of an undisturbed run."""
        ended = self.tool(*self.arguments(folder), *self.again)
        assert ended.status == 0, ended.printed
        left = self.left_in(folder)
        assert left.keys() == self.expected.keys()
        assert [name for name, data in left.items() if data != self.expected[name]] == []

    def truncated_in(self, folder: Path) -> list[str]:
        """Return the files of a new folder that have a final name but no complete content."""
        return [
            name
            for name, data in self.left_in(folder).items()
            if not name.rpartition('/')[2].startswith('.')
            and '.prepare/' not in name
            and data != self.expected.get(name)
        ]


def timeless(name: str, data: bytes) -> bytes:
    """Remove from a file what differs between two equal runs."""
    if name.endswith('predictions.csv'):
        rows = list(csv.DictReader(io.StringIO(data.decode(), newline='')))
        return repr([{**row, 'seconds': ''} for row in rows]).encode()
    if name.endswith('scores.json'):
        return without(data, 'date', 'command', 'predictions')
    if name.endswith('prepare_report.json'):
        report = json.loads(data)
        # A resumed run reports that an earlier run had finished a part of the work.
        report['notes'] = [note for note in report['notes'] if 'an earlier run' not in note]
        return without(json.dumps(report).encode(), 'out')
    return data


def without(data: bytes, *keys: str) -> bytes:
    return json.dumps({k: v for k, v in json.loads(data).items() if k not in keys}).encode()
