"""`tools/score.py` and `LesionMetric` compared with the challenge's own scorer, on the same files.

The official scorer is started as its users start it, by its command line, and so is ours; both
print their scores, and the JSON of both has to tell the same. `LesionMetric` gets what it gets in
an evaluation, predicted masks in memory and true ones as files, and the official scorer's classes
are given the same.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.mask_pairs import write_distorted, write_drawn
from benchmarks.memory import peak_of_command
from benchmarks.missing import OFFICIAL_SCORER, without_official_scorer
from benchmarks.rows import row, unjudged
from benchmarks.timing import interleaved, medians
from isic_mmdet import cli
from isic_mmdet.errors import InputError
from isic_mmdet.masks.mask_files import read_mask
from isic_mmdet.utils.files import write_json

_ROOT = Path(__file__).resolve().parents[1]
_OURS = [sys.executable, str(_ROOT / 'tools' / 'score.py')]
_BASELINE = [sys.executable, '-m', 'isic_challenge_scoring']
# What the official scorer calls ours.
NAMES = {
    'jaccard': 'lesion/iou',
    'threshold_jaccard': 'lesion/iou_thr65',
    'dice': 'lesion/dice',
    'accuracy': 'lesion/pixel_accuracy',
    'sensitivity': 'lesion/sensitivity',
    'specificity': 'lesion/specificity',
}
_TOLERANCE = 1e-9

Pairs = list[tuple[Path, Path]]


def run(out: Path, quick: bool) -> dict[str, Any]:
    """Measure, and return rows and details.

    Args:
        out: not used; nothing but the result is written.
        quick: a twentieth of the images, and once, to see that all of it runs.

    Raises:
        InputError: the official scorer gives other scores.
    """
    lacking = without_official_scorer()
    repeats, number = (1, 50) if quick else (7, 1000)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        truth, predictions, what = _test_pairs(folder / 'test', quick)
        tools = {f'tools/score.py, {what}': (truth, predictions)}
        truth, predictions = write_drawn(number, 1000, folder / 'drawn')
        tools[f'tools/score.py, {number} pairs of 1 megapixel'] = truth, predictions
        rows, details = [], {}
        for title, folders in tools.items():
            line, details[title] = measure_tool(title, *folders, repeats)
            rows.append(line)
        title = 'LesionMetric, an image of 1 megapixel'
        pairs = paired(truth, predictions)
        line, details[title] = measure_metric(title, pairs[: number // 20], repeats)
        rows.append(line)
        counts = (number // 4, number // 2, number)
        peaks = {count: peaks_of(pairs[:count], folder) for count in counts}
    rows += [memory_row(name, peaks) for name in peaks[number]]
    return {
        'rows': rows,
        'skipped': [lacking] if lacking else [],
        'details': details | {'peak_mb': peaks},
    }


def measure_tool(
    title: str, truth: Path, predictions: Path, repeats: int
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Time both command lines from start to end, and hold their scores together.

    Args:
        title: what is scored.
        truth: folder of true masks.
        predictions: folder of predicted masks.
        repeats: rounds of each, after one that does not count.

    Returns:
        The row, and all seconds with the largest difference between two scores. Without the
        official scorer ours is timed alone, and there is no difference.

    Raises:
        InputError: a score differs from the official one by over 1e-9.
    """
    folders = [str(predictions), str(truth)]
    ways: dict[str, Callable[[], object]] = {
        'ours': lambda: _finish([*_OURS, *folders]),
        'ours, start alone': lambda: _finish([*_OURS, '--help']),
    }
    if without_official_scorer():
        seconds = interleaved(ways, repeats, title='scoring folders')
        return {'what': title, 'ours_s': medians(seconds)['ours']}, {'seconds': seconds}
    difference = _largest_difference(truth, predictions)
    ways[OFFICIAL_SCORER] = lambda: _finish([*_BASELINE, 'segmentation', *folders[::-1]])
    seconds = interleaved(ways, repeats, title='scoring folders')
    middle = medians(seconds)
    line = row(title, middle['ours'], OFFICIAL_SCORER, middle[OFFICIAL_SCORER], at_least=5)
    return line, {'seconds': seconds, 'largest_difference': difference}


def measure_metric(title: str, pairs: Pairs, repeats: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Time `LesionMetric` and the official scorer's classes within this process.

    Args:
        title: what is scored.
        pairs: true and predicted files; the predicted masks are held in memory.
        repeats: as for `measure_tool`.

    Returns:
        The row in seconds an image, and the seconds of all images in each turn; of ours alone
        without the official scorer.
    """
    masks = [read_mask(prediction) for _, prediction in pairs]
    grays = [np.where(mask, np.uint8(255), np.uint8(0)) for mask in masks]
    ways: dict[str, Callable[[], object]] = {'ours': lambda: with_metric(pairs, masks)}
    if not without_official_scorer():
        ways[OFFICIAL_SCORER] = lambda: with_official_classes(pairs, grays)
    seconds = interleaved(ways, repeats, title='scoring masks in memory')
    ours, *baseline = (medians(seconds)[name] / len(pairs) for name in ways)
    line = {'what': title, 'ours_s': ours}
    if baseline:
        line = row(title, ours, OFFICIAL_SCORER, baseline[0], at_least=5)
    return line, {'images': len(pairs), 'seconds': seconds}


def _test_pairs(folder: Path, quick: bool) -> tuple[Path, Path, str]:
    """Distort the official masks of the test split, or drawn ones where those are not at hand."""
    shared = _ROOT.parent / 'shared' / 'isic2018'
    if not shared.is_dir():
        return *write_drawn(17 if quick else 325, 512, folder), 'drawn pairs of 512 px'
    ids = (shared / 'splits' / 'test.txt').read_text(encoding='utf-8').split()
    ids = ids[::20] if quick else ids
    masks = shared / 'ISIC2018_Task1_Training_GroundTruth'
    truths = [masks / f'{image_id}_segmentation.png' for image_id in ids]
    return *write_distorted(truths, folder), f'{len(ids)} distorted test pairs of 512 px'


def paired(truth: Path, predictions: Path) -> Pairs:
    return [(path, predictions / path.name) for path in sorted(truth.iterdir())]


def _largest_difference(truth: Path, predictions: Path) -> float:
    """Return by how much any score differs from the official one."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, 'scores.json')
        _finish([*_OURS, str(predictions), str(truth), '--out', str(file)])
        ours = json.loads(file.read_text(encoding='utf-8'))['metrics']
    told = _finish([*_BASELINE, '-o', 'json', 'segmentation', str(truth), str(predictions)])
    official = json.loads(told)['macro_average']
    difference = max(abs(ours[name] - official[other]) for other, name in NAMES.items())
    if difference > _TOLERANCE:
        raise InputError(
            f'{predictions}: scores differ from the official ones by up to {difference:g}, more '
            f'than {_TOLERANCE:g}; one of the two scorers has an error'
        )
    return difference


def _finish(command: Sequence[str]) -> str:
    """Run a command to its end and return what it printed."""
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise InputError(
            f'{" ".join(command)} failed:',
            done.stderr.strip().splitlines()[-3:],
        )
    return done.stdout


def with_metric(pairs: Pairs, masks: Iterable[NDArray[np.bool_]]) -> dict[str, float]:
    # Inside, since it brings all of MMDetection, which the rest can do without.
    import torch

    from isic_mmdet.evaluation.lesion_metric import LesionMetric

    metric = LesionMetric()
    metric.dataset_meta = {'classes': ('lesion',)}
    for (truth, _), mask in zip(pairs, masks, strict=True):
        found = {
            'scores': torch.tensor([0.9]),
            'labels': torch.tensor([0]),
            'masks': torch.from_numpy(mask)[None],
        }
        sample = {
            'isic_id': truth.name,
            'ori_shape': mask.shape,
            'original_mask': str(truth),
            'pred_instances': found,
        }
        metric.process(None, [sample])
    return metric.evaluate(len(pairs))


def with_official_classes(pairs: Pairs, grays: Sequence[NDArray[np.uint8]]) -> object:
    from isic_challenge_scoring.load_image import ImagePair
    from isic_challenge_scoring.segmentation import SegmentationScore

    def image_pairs() -> Iterator[ImagePair]:
        for (truth, _), gray in zip(pairs, grays, strict=True):
            pair = ImagePair(truth_file=truth)
            pair.parse_image_id()
            pair.load_truth_image()
            pair.prediction_image = gray
            yield pair

    return SegmentationScore(image_pairs())


def peaks_of(pairs: Pairs, folder: Path) -> dict[str, float]:
    """Return the peak memory of a scorer and of an evaluation over some pairs, in megabytes."""
    parts = [folder / f'first-{len(pairs)}' / part for part in ('truth', 'predictions')]
    for index, part in enumerate(parts):
        part.mkdir(parents=True)
        for pair in pairs:
            (part / pair[index].name).symlink_to(pair[index])
    truth, predictions = map(str, parts)
    evaluation = f'from {__spec__.name} import evaluate; import sys; evaluate(*sys.argv[1:])'
    return {
        'tools/score.py': peak_of_command([*_OURS, predictions, truth]),
        'LesionMetric': peak_of_command([sys.executable, '-c', evaluation, truth, predictions]),
    }


def evaluate(truth: str, predictions: str) -> None:
    """Evaluate masks that are read one by one, in a process whose memory is watched."""
    pairs = paired(Path(truth), Path(predictions))
    with_metric(pairs, (read_mask(prediction) for _, prediction in pairs))


def memory_row(name: str, peaks: Mapping[int, Mapping[str, float]]) -> dict[str, Any]:
    few, many = min(peaks), max(peaks)
    ratio = peaks[many][name] / peaks[few][name]
    return {
        'what': f'peak memory of {name}, {many} pairs of 1 megapixel',
        'ours_mb': peaks[many][name],
        'baseline': f'the same, {few} pairs',
        'baseline_mb': peaks[few][name],
        'ratio': ratio,
        'goal': 'at most 1.1 x',
        'met': ratio <= 1.1,
    }


def _parse_args() -> argparse.Namespace:
    parser = cli.make_parser(
        'Time the scorer and the evaluator and the official scorer (about 5 minutes).',
        'python -m benchmarks.scoring --out score.json',
    )
    parser.add_argument('--out', type=Path, required=True, metavar='JSON', help='file of results')
    parser.add_argument('--quick', action='store_true', help='a twentieth of it, and once')
    return parser.parse_args()


def _main() -> None:
    args = _parse_args()
    content = run(args.out.parent, args.quick)
    content = unjudged(content) if args.quick else content
    write_json(args.out, content, indent=1)
    print(json.dumps(content['rows'], indent=1))


if __name__ == '__main__':
    cli.run(_main)
