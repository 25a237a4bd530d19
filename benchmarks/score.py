"""`tools/score.py` and `LesionMetric` compared with the challenge's own scorer, on the same files.

Both scorers are started by their command lines, and their scores must be equal. `LesionMetric`
gets what it gets in an evaluation, predicted masks in memory and true masks as files, and so do
the official scorer's classes.
"""

import json
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.harness import (
    OFFICIAL_SCORER,
    ROOT,
    SHARED,
    Worker,
    goal,
    interleaved,
    medians,
    peak_mb,
    row,
    run_python,
    watch_python,
    without_official_scorer,
)
from benchmarks.images import Pairs, drawn_masks, write_predictions
from isic_mmdet.errors import InputError
from isic_mmdet.masks.mask_files import read_mask

_OURS = ROOT / 'tools' / 'score.py'
_OFFICIAL = '-m', 'isic_challenge_scoring'
#: The names of the official scorer to ours.
NAMES = {
    'jaccard': 'lesion/iou',
    'threshold_jaccard': 'lesion/iou_thr65',
    'dice': 'lesion/dice',
    'accuracy': 'lesion/pixel_accuracy',
    'sensitivity': 'lesion/sensitivity',
    'specificity': 'lesion/specificity',
}
_TOLERANCE = 1e-9
_GOAL = 5.0

Ways = dict[str, Callable[[], object]]


def run(quick: bool) -> dict[str, Any]:
    """Return rows and details; a quick run takes a twentieth of the images and one round.

    Raises:
        InputError: the official scorer gives other scores.
    """
    skipped = without_official_scorer()
    repeats, number = (1, 50) if quick else (7, 1000)
    details: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        truths, of_test = _test_masks(quick)
        test = write_predictions(truths, work / 'test')
        drawn = write_predictions(drawn_masks(number, 1000), work / 'drawn')
        rows = []
        for what, folders in ((of_test, test), (f'{number} pairs of 1 megapixel', drawn)):
            title = f'tools/score.py, {what}'
            seconds = interleaved(_commands(*folders), repeats, title='scoring folders')
            details[title] = {'seconds': seconds}
            if not skipped:
                details[title]['largest_difference'] = largest_difference(*folders)
            rows.append(_row(title, medians(seconds)))
        title = 'LesionMetric, an image of 1 megapixel'
        all_pairs = _paired(*drawn)
        pairs = all_pairs[: number // 20]
        seconds = interleaved(_in_memory(pairs), repeats, title='scoring masks in memory')
        details[title] = {'images': len(pairs), 'seconds': seconds}
        rows.append(_row(title, {key: each / len(pairs) for key, each in medians(seconds).items()}))
        counts = (number // 4, number // 2, number)
        peaks = {count: _peaks(all_pairs[:count], work / f'first-{count}') for count in counts}
    rows += [_memory_row(name, peaks) for name in peaks[number]]
    return {
        'rows': rows,
        'skipped': [skipped] if skipped else [],
        'details': details | {'peak_mb': peaks},
    }


def _test_masks(quick: bool) -> tuple[Iterable[tuple[str, bytes]], str]:
    """Return the masks of the official test split or synthetic ones, and what they are."""
    source = SHARED / 'isic2018'
    if not source.is_dir():
        return drawn_masks(17 if quick else 325, 512), 'drawn pairs of 512 px'
    ids = (source / 'splits' / 'test.txt').read_text(encoding='utf-8').split()
    ids = ids[::20] if quick else ids
    masks = source / 'ISIC2018_Task1_Training_GroundTruth'
    paths = [masks / f'{isic_id}_segmentation.png' for isic_id in ids]
    return (
        ((path.name, path.read_bytes()) for path in paths),
        f'{len(ids)} distorted test pairs of 512 px',
    )


def _commands(truth: Path, predictions: Path) -> Ways:
    ways: Ways = {
        'ours': partial(run_python, _OURS, predictions, truth),
        'ours, start alone': partial(run_python, _OURS, '--help'),
    }
    if not without_official_scorer():
        ways[OFFICIAL_SCORER] = partial(run_python, *_OFFICIAL, 'segmentation', truth, predictions)
    return ways


def _in_memory(pairs: Pairs) -> Ways:
    masks = [read_mask(prediction) for _, prediction in pairs]
    ways: Ways = {'ours': partial(with_metric, pairs, masks)}
    if not without_official_scorer():
        grays = [np.where(mask, np.uint8(255), np.uint8(0)) for mask in masks]
        ways[OFFICIAL_SCORER] = partial(with_official_classes, pairs, grays)
    return ways


def _row(what: str, seconds: Mapping[str, float]) -> dict[str, Any]:
    if OFFICIAL_SCORER not in seconds:
        return {'what': what, 'ours_s': seconds['ours']}
    return row(what, seconds['ours'], OFFICIAL_SCORER, seconds[OFFICIAL_SCORER], at_least=_GOAL)


def _paired(truth: Path, predictions: Path) -> Pairs:
    return [(path, predictions / path.name) for path in sorted(truth.iterdir())]


def largest_difference(truth: Path, predictions: Path) -> float:
    """Return the largest difference between a score of ours and the official one.

    Raises:
        InputError: it is above 1e-9.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, 'scores.json')
        run_python(_OURS, predictions, truth, '--out', file)
        ours = json.loads(file.read_text(encoding='utf-8'))['metrics']
    printed = run_python(*_OFFICIAL, '-o', 'json', 'segmentation', truth, predictions)
    official = json.loads(printed)['macro_average']
    difference = max(abs(ours[name] - official[other]) for other, name in NAMES.items())
    if difference > _TOLERANCE:
        raise InputError(
            f'{predictions}: scores differ from the official ones by up to {difference:g}, more '
            f'than {_TOLERANCE:g}; one of the two scorers has an error'
        )
    return difference


def with_metric(pairs: Pairs, masks: Iterable[NDArray[np.bool_]]) -> dict[str, float]:
    """Return the scores of `LesionMetric` for the true files of pairs and predicted masks."""
    import torch  # here, because scoring folders needs neither torch nor mmdet

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


def with_official_classes(pairs: Pairs, grays: Iterable[NDArray[np.uint8]]) -> Any:
    """Return the official score of the true files of pairs and predicted masks, 0 and 255."""
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


def _peaks(pairs: Pairs, folder: Path) -> dict[str, float]:
    """Return the peak memory of the scorer and of an evaluation over some pairs in MB."""
    parts = folder / 'truth', folder / 'predictions'
    for index, part in enumerate(parts):
        part.mkdir(parents=True)
        for pair in pairs:
            (part / pair[index].name).symlink_to(pair[index])
    truth, predictions = parts
    of_tool = max(
        peak_mb(process.pid) for process in watch_python(_OURS, predictions, truth, seconds=0.01)
    )
    worker = Worker(_evaluator, truth, predictions)
    worker.ask()
    of_metric = peak_mb(worker.pid)
    worker.close()
    return {'tools/score.py': of_tool, 'LesionMetric': of_metric}


def _evaluator(truth: Path, predictions: Path) -> Callable[[], object]:
    pairs = _paired(truth, predictions)
    return lambda: with_metric(pairs, (read_mask(prediction) for _, prediction in pairs))


def _memory_row(name: str, peaks: Mapping[int, Mapping[str, float]]) -> dict[str, Any]:
    few, many = min(peaks), max(peaks)
    ratio = peaks[many][name] / peaks[few][name]
    return {
        'what': f'peak memory of {name}, {many} pairs of 1 megapixel',
        'ours_mb': peaks[many][name],
        'baseline': f'the same, {few} pairs',
        'baseline_mb': peaks[few][name],
        'ratio': ratio,
        **goal('at most 1.1 x', ratio <= 1.1),
    }
