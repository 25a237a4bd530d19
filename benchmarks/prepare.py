"""`tools/prepare_isic.py` on full-size images, compared with a loop of read, resize, and write.

Both are started by their command lines, alternate, and write to new folders on the same disk. The
data set has few images under many ids; each round decodes all of them.

Run as a program, the module is that loop:

    python -m benchmarks.prepare SRC OUT RULE [gray]
"""

import sys
import tempfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import cv2

from benchmarks.harness import ROOT, interleaved, medians, row, run_python
from benchmarks.images import full_size_pairs, lay_out
from isic_mmdet.masks.resize import parse_rule

#: Images of the data set. The smallest challenge, ISIC 2016, has 900 larger ones for training.
IMAGES = 460
RULES = ('quarter', 'max-side=1024')
PROCESSES = (1, 2, 4)

_BASELINE = 'loop of imread, resize, imwrite'
_GRAY_BASELINE = 'the same, masks read as gray'
_AT_LEAST = 4.0

Ways = dict[str, Callable[[], object]]


def run(quick: bool) -> dict[str, Any]:
    """Return rows and details; a quick run takes few images, one rule and one round."""
    repeats, warm_ups, rules = (1, 0, RULES[:1]) if quick else (5, 1, RULES)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pairs, what = full_size_pairs(folder / 'drawn')
        pairs = pairs[:: len(pairs) // 4] if quick else pairs
        number = len(pairs) if quick else IMAGES
        source = lay_out(pairs, number, folder / 'many')
        seconds = {
            rule: interleaved(_ways(source, rule, folder), repeats, warm_ups, f'prepare, {rule}')
            for rule in rules
        }
        # The time of a few images is mainly the start of the processes.
        few = lay_out(pairs, len(pairs), folder / 'few')
        seconds_of_few = interleaved(_ways(few, rules[0], folder), repeats, warm_ups, 'few images')
        ways: Ways = {
            str(count): partial(_prepare, source, rules[0], count, folder) for count in PROCESSES
        }
        by_processes = interleaved(ways, repeats, 0, 'processes')
    rates = {name: number / middle for name, middle in medians(by_processes).items()}
    rows = [
        entry
        for rule, taken in seconds.items()
        for entry in _rows(f'--resize {rule}, {number} images, 2 processes', taken, _AT_LEAST)
    ]
    rows += _rows(f'--resize {rules[0]}, {len(pairs)} images, 2 processes', seconds_of_few, None)
    rows += [
        row(
            f'images of prepare_isic.py, {count} processes',
            rates[str(count)],
            'the same, 1 process',
            rates['1'],
            'per_s',
        )
        for count in PROCESSES[1:]
    ]
    return {
        'rows': rows,
        'details': {
            'images': what,
            'number': number,
            'seconds': seconds,
            'seconds_of_few': seconds_of_few,
            'images_per_s_over_processes': rates,
        },
    }


def _rows(
    what: str, seconds: Mapping[str, list[float]], at_least: float | None
) -> list[dict[str, Any]]:
    ours, *baselines = medians(seconds).items()
    return [
        row(f'prepare_isic.py {what}', ours[1], baseline, middle, at_least=at_least)
        for baseline, middle in baselines
    ]


def _ways(source: Path, rule: str, folder: Path) -> Ways:
    return {
        'ours': partial(_prepare, source, rule, 2, folder),
        _BASELINE: partial(_loop, source, rule, folder),
        _GRAY_BASELINE: partial(_loop, source, rule, folder, 'gray'),
    }


def _prepare(source: Path, rule: str, processes: int, folder: Path) -> None:
    options = '--classes', 'lesion', '--resize', rule, '--workers', processes
    out = Path(tempfile.mkdtemp(dir=folder), 'out')
    tool = ROOT / 'tools' / 'prepare_isic.py'
    run_python(tool, '2017', '--src', source, *options, '--out', out)


def _loop(source: Path, rule: str, folder: Path, *masks_as: str) -> None:
    run_python('-m', 'benchmarks.prepare', source, tempfile.mkdtemp(dir=folder), rule, *masks_as)


def plain_loop(source: str, out: str, rule: str, masks_as: str = '') -> None:
    """Write all pairs of the official folders in `source`, averaged over areas.

    Args:
        source: folder of a data set in the layout of ISIC 2017.
        out: existing folder; the names stay.
        rule: gives the sizes, see `tools/prepare_isic.py --resize`.
        masks_as: `gray` to read masks with one channel, and not with three as `cv2.imread` does by
            default.
    """
    size_of = parse_rule(rule).size
    of_mask = cv2.IMREAD_GRAYSCALE if masks_as == 'gray' else cv2.IMREAD_COLOR
    for image_path in sorted(Path(source).glob('*_Data/*.jpg')):
        masks = image_path.parent.name.replace('_Data', '_Part1_GroundTruth')
        mask_path = Path(source, masks, f'{image_path.stem}_segmentation.png')
        image, mask = cv2.imread(str(image_path)), cv2.imread(str(mask_path), of_mask)
        assert image is not None and mask is not None  # the benchmark wrote them
        height, width = size_of(*image.shape[:2])
        for path, pixels in ((image_path, image), (mask_path, mask)):
            small = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA)
            cv2.imwrite(str(Path(out, path.name)), small)


if __name__ == '__main__':
    plain_loop(*sys.argv[1:])
