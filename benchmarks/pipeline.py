"""The training pipeline alone, from prepared images to batches, and mmdet's own transforms.

Each has a process of its own, and they alternate. The images are those of `data/isic2018`, or
drawn ones where these are not prepared.
"""

import statistics
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tqdm import tqdm

from benchmarks import benchmark_cli as alone
from benchmarks.rows import row
from benchmarks.worker import Worker
from isic_mmdet.isic.prepare.convert import prepare
from isic_mmdet.synthetic import write_dataset

#: Images a second of one worker process: with eight, 1,000 or five times what a GPU trains.
WANTED = 125
WORKERS = (0, 1, 2)
RECIPE = 'ours, with windows and rounds'
PEERS = {'stock mmdet': 'mmdet', 'stock mmdet, freed memory kept': 'mmdet-kept'}
WAYS = {RECIPE: 'recipe', 'ours': 'ours'} | PEERS

_PREPARED = Path(__file__).resolve().parents[1] / 'data' / 'isic2018'
# Seconds after which a process is given up.
_LIMIT = 600.0


def run(out: Path, quick: bool) -> dict[str, Any]:
    """Measure, and return rows and details.

    Args:
        out: not used; nothing but the result is written.
        quick: few images and one turn, to see that all of it runs.
    """
    repeats, warm_ups, number = (1, 0, 32) if quick else (5, 1, 320)
    with tempfile.TemporaryDirectory() as folder:
        data, what = _data(Path(folder), quick)
        processes = {
            name: Worker('benchmarks.pipeline_process', (way, data), _LIMIT)
            for name, way in WAYS.items()
        }
        transforms: dict[str, list[Mapping[str, float]]] = {name: [] for name in WAYS}
        seconds: dict[str, dict[str, list[float]]] = {
            str(workers): {name: [] for name in WAYS} for workers in WORKERS
        }
        for turn in tqdm(range(warm_ups + repeats), 'pipeline', unit='turn'):
            for name, process in processes.items():
                taken = process.ask(f'transforms {number}')
                if turn >= warm_ups:
                    transforms[name].append(taken)
            for workers, of_ways in seconds.items():
                for name, process in processes.items():
                    one = process.ask(f'loader {workers} {number}')['seconds'] / number
                    if turn >= warm_ups:
                        of_ways[name].append(one)
        for process in processes.values():
            process.close()
    milliseconds = {name: _medians(rounds) for name, rounds in transforms.items()}
    return {
        'rows': [*_loader_rows(seconds), *_transform_rows(milliseconds)],
        'details': {
            'images': what,
            'seconds_per_image': seconds,
            'milliseconds_per_image': milliseconds,
        },
    }


def _data(folder: Path, quick: bool) -> tuple[Path, str]:
    """Return a prepared data set, and what it is."""
    if (_PREPARED / 'annotations' / 'train.json').is_file() and not quick:
        return _PREPARED, 'training images of ISIC 2018, prepared at 512 px'
    size, images = (96, 18) if quick else (512, 60)
    write_dataset(folder / 'official', images=images, size=size)
    prepare(2017, [folder / 'official'], folder / 'data', classes='lesion', workers=1)
    return folder / 'data', f'synthetic images of {size} px'


def _medians(rounds: list[Mapping[str, float]]) -> dict[str, float]:
    return {name: statistics.median(turn[name] for turn in rounds) for name in rounds[0]}


def _loader_rows(seconds: Mapping[str, Mapping[str, list[float]]]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for workers, of_ways in seconds.items():
        ours = statistics.median(of_ways['ours'])
        for name in PEERS:
            what = f'training pipeline, an image of 512 px, {workers} worker processes'
            rows.append(row(what, ours, name, statistics.median(of_ways[name])))
    one = {name: 1 / statistics.median(values) for name, values in seconds['1'].items()}
    baseline = one['stock mmdet']
    for name, what in (('ours', ''), (RECIPE, ' with windows and rounds')):
        rows.append(
            {
                'what': f'training pipeline{what}, images of one worker process',
                'ours_per_s': one[name],
                'baseline': 'stock mmdet',
                'baseline_per_s': baseline,
                'ratio': one[name] / baseline,
                'goal': f'at least {WANTED} /s',
                'met': one[name] >= WANTED,
            }
        )
    return rows


def _transform_rows(milliseconds: Mapping[str, Mapping[str, float]]) -> list[dict[str, Any]]:
    """Compare transform by transform; both pipelines have the same steps."""
    pairs = zip(milliseconds['ours'].items(), milliseconds['stock mmdet'].items(), strict=True)
    return [
        row(f'transform {name}', taken / 1000, f'stock mmdet: {baseline}', baseline_taken / 1000)
        for (name, taken), (baseline, baseline_taken) in pairs
    ]


if __name__ == '__main__':
    alone.main('pipeline', 'Time the training pipeline and stock mmdet (about 4 minutes).', run)
