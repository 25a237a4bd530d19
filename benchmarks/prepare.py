"""`tools/prepare_isic.py` on full-size images, and a loop of reading, resizing and writing.

Both are started by their command lines, alternate, and write to new folders on the same disk. The
data set is made of few images under many ids; each turn decodes all.
"""

import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import cv2
from PIL import Image

from benchmarks import benchmark_cli as alone
from benchmarks.full_size import Files, full_size_pairs, lay_out
from benchmarks.plain_loop import shrink
from benchmarks.rows import row
from benchmarks.timing import interleaved, medians
from isic_mmdet.errors import InputError
from isic_mmdet.images.sources import SourceFile
from isic_mmdet.isic.layouts import Pair, PairError
from isic_mmdet.isic.prepare.pairs import convert_pair
from isic_mmdet.masks.mask_files import FOREGROUND
from isic_mmdet.masks.resize import parse_rule

#: Images of a data set. The smallest challenge, ISIC 2016, has 900 for training, and larger ones.
IMAGES = 460
RULES = ('quarter', 'max-side=1024')
PROCESSES = (1, 2, 4)

_ROOT = Path(__file__).resolve().parents[1]
_BASELINE = 'loop of imread, resize, imwrite'
GRAY_BASELINE = 'the same, masks read as gray'
_AT_LEAST = 4.0

Seconds = Mapping[str, list[float]]


def run(out: Path, quick: bool) -> dict[str, Any]:
    """Measure, and return rows and details.

    Args:
        out: not used; nothing but the result is written.
        quick: few images, one rule and one turn, to see that all of it runs.
    """
    repeats, warm_ups, rules = (1, 0, RULES[:1]) if quick else (5, 1, RULES)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files, what = full_size_pairs(folder / 'drawn')
        files = files[:: len(files) // 4] if quick else files
        number = len(files) if quick else IMAGES
        source = lay_out(files, number, folder / 'many')
        seconds: dict[str, Seconds] = {}
        for rule in rules:
            ways = ways_of(source, rule, folder)
            seconds[rule] = interleaved(ways, repeats, warm_ups, f'prepare, {rule}')
        # What a user notices of a handful of images is the start of the processes.
        few = lay_out(files, len(files), folder / 'few')
        ways = ways_of(few, rules[0], folder)
        seconds_of_few = interleaved(ways, repeats, warm_ups, 'few images')
        ways = {
            str(count): prepare_with_tool(source, rules[0], count, folder) for count in PROCESSES
        }
        by_processes = interleaved(ways, repeats, 0, 'processes')
        by_size = over_sizes(files, rules[-1], folder, repeats)
    rows = [
        entry
        for rule, taken in seconds.items()
        for entry in _rows(f'--resize {rule}, {number} images, 2 processes', taken, _AT_LEAST)
    ]
    rows += _rows(f'--resize {rules[0]}, {len(files)} images, 2 processes', seconds_of_few, None)
    rows += _process_rows(by_processes, number)
    return {
        'rows': rows,
        'details': {
            'images': what,
            'number': number,
            'seconds': seconds,
            'seconds_of_few': seconds_of_few,
            'images_per_s_over_processes': {
                name: number / middle for name, middle in medians(by_processes).items()
            },
            'size_rule': rules[-1],
            'seconds_over_size': by_size,
        },
    }


def _rows(what: str, seconds: Seconds, at_least: float | None) -> list[dict[str, Any]]:
    ours, *baselines = medians(seconds).items()
    return [
        row(f'prepare_isic.py {what}', ours[1], baseline, middle, at_least=at_least)
        for baseline, middle in baselines
    ]


def _process_rows(seconds: Seconds, number: int) -> list[dict[str, Any]]:
    rates = {name: number / middle for name, middle in medians(seconds).items()}
    one = rates.pop(str(PROCESSES[0]))
    return [
        {
            'what': f'images of prepare_isic.py, {name} processes',
            'ours_per_s': rate,
            'baseline': 'the same, 1 process',
            'baseline_per_s': one,
            'ratio': rate / one,
        }
        for name, rate in rates.items()
    ]


def ways_of(source: Path, rule: str, folder: Path) -> dict[str, Callable[[], object]]:
    return {
        'ours': prepare_with_tool(source, rule, 2, folder),
        _BASELINE: prepare_with_loop(source, rule, folder),
        GRAY_BASELINE: prepare_with_loop(source, rule, folder, 'gray'),
    }


def prepare_with_tool(source: Path, rule: str, processes: int, folder: Path) -> Callable[[], Path]:
    command = [sys.executable, str(_ROOT / 'tools' / 'prepare_isic.py'), '2017']
    command += ['--src', str(source), '--classes', 'lesion', '--resize', rule]
    command += ['--workers', str(processes), '--out']
    return partial(_finish, command, [], folder)


def prepare_with_loop(source: Path, rule: str, folder: Path, *masks_as: str) -> Callable[[], Path]:
    command = [sys.executable, '-m', 'benchmarks.plain_loop', str(source)]
    return partial(_finish, command, [rule, *masks_as], folder)


def _finish(command: list[str], more: list[str], folder: Path) -> Path:
    """Run a command to its end, and return the new folder that it writes to."""
    out = Path(tempfile.mkdtemp(dir=folder)) / 'out'
    done = subprocess.run([*command, str(out), *more], capture_output=True, text=True, cwd=_ROOT)
    if done.returncode:
        raise InputError(f'{" ".join(command)} failed', done.stderr.strip().splitlines()[-3:])
    return out


def over_sizes(files: Files, rule: str, folder: Path, repeats: int) -> list[dict[str, Any]]:
    """Return the seconds for one image of each size, on one core within this process."""
    by_pixels = {_pixels(image): (image, mask) for image, mask in files}
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    (folder / 'sizes').mkdir()
    found = []
    for pixels, (image, mask) in sorted(by_pixels.items()):
        ways = {
            'ours': partial(_convert, image, mask, rule, folder / 'sizes'),
            GRAY_BASELINE: partial(
                shrink, image, mask, parse_rule(rule), folder / 'sizes', gray=True
            ),
        }
        middle = medians(interleaved(ways, repeats, title=f'{pixels / 1e6:.1f} megapixels'))
        found.append({'megapixels': pixels / 1e6, **middle})
    cv2.setNumThreads(threads)
    return found


def _pixels(path: Path) -> int:
    with Image.open(path) as image:
        return image.width * image.height


def _convert(image: Path, mask: Path, rule: str, out: Path) -> None:
    image_file, mask_file = (
        SourceFile(path, None, path.stat().st_size, 0) for path in (image, mask)
    )
    pair = Pair('ISIC_0000000', 'train', image_file, mask_file)
    result = convert_pair(pair, parse_rule(rule), FOREGROUND, out)
    if isinstance(result, PairError):
        raise InputError(f'{image}: {result}')


if __name__ == '__main__':
    alone.main('prepare', 'Time the preparation and a plain loop (about 12 minutes).', run)
