"""Where a stage works, how it is watched, and what it holds against the package."""

import csv
import json
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

import isic_mmdet.register  # noqa: F401 - before mmdet's own
from tests.e2e.fuzz.hostile_images import Pair

SOUND, HOSTILE = 'ISIC_0000001', 'ISIC_0000002'
IMAGES, MASKS = 'ISIC2018_Task1-2_Training_Input', 'ISIC2018_Task1_Training_GroundTruth'
# Words by which a message tells what to do.
_REMEDY = re.compile(
    r'\b(use|give|get|put|name|choose|fix|remove|write|run|prepare|check|correct|keep|rename|save|'
    r'fetch|download|delete|unpack|free|change|leave|make|set|replace|take|pass|export|expected|add)\b',
    re.IGNORECASE,
)
_ADDRESS = re.compile(r'0x[0-9a-f]{6,}')

Put = Callable[[Path], None]


class Wrong(Exception):  # noqa: N818 - no error of the package's
    """The package did something that it must not do."""


@dataclass(frozen=True)
class Scene:
    """Where a stage works, and with what.

    Attributes:
        folder: empty.
        pairs: two sound pairs; the second makes room for what is hostile.
        odd: settings that differ from variant to variant, so that all are tried.
    """

    folder: Path
    pairs: Sequence[Pair]
    odd: int

    def official(self) -> tuple[Path, Path]:
        """Write both pairs as the challenge does; return the paths of the second."""
        source = self.folder / 'source'
        for name, pair in zip((SOUND, HOSTILE), self.pairs, strict=True):
            image = source / IMAGES / f'{name}.jpg'
            mask = source / MASKS / f'{name}_segmentation.png'
            for path, data in ((image, pair.jpeg), (mask, pair.png)):
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(data)
        return image, mask


class Meter:
    """How much memory and time the package takes, without the judges."""

    def __init__(self) -> None:
        self.megabytes = 0
        self.seconds = 0.0

    def __call__(self, function: Callable, *args: Any, **more: Any) -> Any:
        """Call a function of the package."""
        base, start = forget_peak(), time.perf_counter()
        try:
            return function(*args, **more)
        finally:
            self.seconds += time.perf_counter() - start
            self.megabytes = max(self.megabytes, memory('VmHWM') - base)


#: Of the variant that is tried; see `fuzz_run`.
watched = Meter()


def memory(name: str) -> int:
    """Return one of the kernel's numbers about the memory of this process, in MB."""
    for line in Path('/proc/self/status').read_text().splitlines():
        if line.startswith(f'{name}:'):
            return int(line.split()[1]) // 1024
    return 0


def forget_peak() -> int:
    """Start anew to look for the peak, and return what is taken now, in MB."""
    try:
        Path('/proc/self/clear_refs').write_text('5')
    except OSError:
        return memory('VmHWM')
    return memory('VmRSS')


def check(correct: bool, what: str) -> None:
    if not correct:
        raise Wrong(what)


def check_message(text: str, *names: str, remedy: bool = True) -> None:
    """Check that an error names a file, and what to do, and is fit to be read."""
    if names:
        check(any(name in text for name in names), f'names none of {names}: {text[:500]}')
    check('Traceback' not in text, f'a traceback: {text[:500]}')
    check(not _ADDRESS.search(text), f'an address in memory: {text[:500]}')
    check(len(text) < 20_000, f'{len(text)} characters: {text[:500]}')
    if remedy:
        check(bool(_REMEDY.search(text)), f'no remedy: {text[:500]}')


def check_complete(folder: Path) -> None:
    """Check that every file below a folder is complete and none is temporary."""
    for path in sorted(folder.rglob('*')):
        if not path.is_file():
            continue
        check('.part' not in path.name, f'{path.name} is left behind')
        if path.suffix == '.json':
            json.loads(path.read_text(encoding='utf-8'), parse_constant=_refuse_constant)
        elif path.suffix in ('.png', '.jpg'):
            Image.open(path).load()
        elif path.suffix == '.csv':
            widths = {len(row) for row in csv.reader(path.read_text().splitlines()) if row}
            check(len(widths) <= 1, f'{path.name} is ragged')


def _refuse_constant(text: str) -> None:
    raise Wrong(f'{text} in a JSON file')
