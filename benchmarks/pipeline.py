"""The training pipeline alone, from prepared images to batches, and mmdet's own transforms.

Each has its own process, and they alternate. The images are those of `data/isic2018`, or synthetic
ones if these are not prepared.
"""

import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tqdm import tqdm

from benchmarks.harness import ROOT, Worker, goal, row
from isic_mmdet.prepare.official import prepare
from isic_mmdet.synthetic import write_dataset

#: Images a second of one worker process: with eight, 1,000 or five times what a GPU trains.
_WANTED = 125
_WORKERS = (0, 1, 2)
_BATCH = 16
_RECIPE = 'ours, with windows and rounds'
_BASELINES = ('stock mmdet', 'stock mmdet, freed memory kept')
WAYS = (_RECIPE, 'ours', *_BASELINES)
#: The steps of the recipes' pipeline that mmdet lacks.
OWN_STEPS = ('RandomLesionCrop', 'RandomTranspose')
#: The other steps, by mmdet.
MMDET_PIPELINE = (
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations', with_bbox=True, with_mask=True),
    dict(type='Resize', scale=(512, 512), keep_ratio=True),
    dict(type='RandomFlip', prob=0.75, direction=['horizontal', 'vertical', 'diagonal']),
    dict(type='PhotoMetricDistortion'),
    dict(type='PackDetInputs'),
)

_PREPARED = ROOT / 'data' / 'isic2018'


def run(quick: bool) -> dict[str, Any]:
    """Return rows and details; a quick run takes few images and one round."""
    repeats, warm_ups, number = (1, 0, 32) if quick else (5, 1, 320)
    with tempfile.TemporaryDirectory() as folder:
        data, what = _data(Path(folder), quick)
        workers = {name: Worker(_pipeline, name, data) for name in WAYS}
        transforms: dict[str, list[Mapping[str, float]]] = {name: [] for name in WAYS}
        seconds: dict[str, dict[str, list[float]]] = {
            str(count): {name: [] for name in WAYS} for count in _WORKERS
        }
        for _ in tqdm(range(warm_ups + repeats), 'pipeline', unit='round'):
            for name, worker in workers.items():
                transforms[name].append(worker.ask(None, number))
            for count in _WORKERS:
                for name, worker in workers.items():
                    seconds[str(count)][name].append(worker.ask(count, number) / number)
        for worker in workers.values():
            worker.close()
    seconds = {
        count: {name: values[warm_ups:] for name, values in of_ways.items()}
        for count, of_ways in seconds.items()
    }
    milliseconds = {name: _medians(rounds[warm_ups:]) for name, rounds in transforms.items()}
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


def _pipeline(way: str, data: Path) -> Callable[[int | None, int], Any]:
    """Return, for a `Worker`, a function of a number of worker processes and of images.

    It returns the seconds until a loader has delivered the images; without a number of processes,
    the milliseconds an image of each transform.
    """
    import cv2
    import torch
    from mmengine.dataset import pseudo_collate
    from torch.utils.data import DataLoader, RandomSampler

    # What mmengine sets for a training, so that worker processes do not compete for cores.
    cv2.setNumThreads(0)
    torch.set_num_threads(1)
    dataset = pipeline_dataset(way, data)
    loaders: dict[int, DataLoader] = {}

    def answer(processes: int | None, number: int) -> Any:
        if processes is None:
            return milliseconds_of_transforms(dataset, number)
        if processes not in loaders:
            loaders[processes] = DataLoader(
                dataset,
                _BATCH,
                sampler=RandomSampler(dataset, replacement=True, num_samples=number),
                num_workers=processes,
                multiprocessing_context='fork' if processes else None,  # as in a training
                persistent_workers=processes > 0,
                collate_fn=pseudo_collate,
            )
        start = time.perf_counter()
        images = sum(len(batch['inputs']) for batch in loaders[processes])
        seconds = time.perf_counter() - start
        if images != number:
            raise ValueError(f'{images} images were loaded instead of {number}')
        return seconds

    return answer


def pipeline_dataset(way: str, data: Path) -> Any:
    """Return the data set with the pipeline of one of `WAYS`.

    The recipes' pipeline is compared without the windows and rotations that mmdet lacks.
    """
    import isic_mmdet.register  # noqa: F401
    from benchmarks.networks import OURS
    from isic_mmdet.engine.config.load import load_config
    from isic_mmdet.utils.system import keep_freed_memory

    # After register, which installs what mmcv lacks.
    from mmdet.registry import DATASETS  # isort: skip
    from mmengine.registry import init_default_scope

    init_default_scope('mmdet')
    config = load_config(OURS, data_root=str(data)).train_dataloader.dataset
    if way == 'ours':
        config.pipeline = [step for step in config.pipeline if step.type not in OWN_STEPS]
    if way not in _BASELINES:
        return DATASETS.build(config)
    if way == _BASELINES[1]:
        keep_freed_memory()  # as ours does
    return DATASETS.build(
        dict(
            type='CocoDataset',
            data_root=str(data),
            ann_file=config.ann_file,
            data_prefix=config.data_prefix,
            metainfo=dict(classes=('lesion',)),
            pipeline=list(MMDET_PIPELINE),
        )
    )


def milliseconds_of_transforms(dataset: Any, number: int) -> dict[str, float]:
    """Return the milliseconds of each transform for an image, over `number` random images."""
    import torch

    taken = {type(transform).__name__: 0.0 for transform in dataset.pipeline.transforms}
    for index in torch.randint(len(dataset), (number,)).tolist():
        results = dataset.get_data_info(index)
        for transform in dataset.pipeline.transforms:
            start = time.perf_counter()
            results = transform(results)
            taken[type(transform).__name__] += time.perf_counter() - start
    return {name: 1000 * seconds / number for name, seconds in taken.items()}


def _medians(rounds: list[Mapping[str, float]]) -> dict[str, float]:
    return {name: statistics.median(each[name] for each in rounds) for name in rounds[0]}


def _loader_rows(seconds: Mapping[str, Mapping[str, list[float]]]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for workers, of_ways in seconds.items():
        what = f'training pipeline, an image of 512 px, {workers} worker processes'
        ours = statistics.median(of_ways['ours'])
        rows += [row(what, ours, name, statistics.median(of_ways[name])) for name in _BASELINES]
    one = {name: 1 / statistics.median(values) for name, values in seconds['1'].items()}
    for name, added in (('ours', ''), (_RECIPE, ' with windows and rounds')):
        what = f'training pipeline{added}, images of one worker process'
        rows.append(
            row(what, one[name], 'stock mmdet', one['stock mmdet'], 'per_s')
            | goal(f'at least {_WANTED} /s', one[name] >= _WANTED)
        )
    return rows


def _transform_rows(milliseconds: Mapping[str, Mapping[str, float]]) -> list[dict[str, Any]]:
    """Compare transform by transform; both pipelines have the same steps."""
    pairs = zip(milliseconds['ours'].items(), milliseconds['stock mmdet'].items(), strict=True)
    return [
        row(f'transform {name}', taken / 1000, f'stock mmdet: {baseline}', baseline_taken / 1000)
        for (name, taken), (baseline, baseline_taken) in pairs
    ]
