"""One training pipeline in a process of its own, so that no other shares its memory.

    python -m benchmarks.pipeline_process recipe|ours|mmdet|mmdet-kept DATA

It loads the training images of DATA, a prepared data set, and writes a line of JSON. From then on
it answers `transforms N` with the milliseconds an image that each transform takes, and
`loader WORKERS N` with the seconds that a loader takes to deliver N images to this process.

`recipe` is the data set and the pipeline of the recipes, `ours` the same without the windows and
rounds that mmdet has not, `mmdet` the steps of `ours` with nothing but mmdet's parts, and
`mmdet-kept` these in a process that keeps freed memory, as ours does.
"""

import json
import sys
import time
from typing import Any

import cv2
import torch
from mmengine.dataset import pseudo_collate
from mmengine.registry import init_default_scope
from torch.utils.data import DataLoader, RandomSampler

import isic_mmdet.register  # noqa: F401
from benchmarks.networks import OURS
from isic_mmdet.engine.config.load import load_config
from isic_mmdet.utils.system import keep_freed_memory

# After register, which installs what mmcv lacks.
from mmdet.registry import DATASETS  # isort: skip

BATCH = 16
OWN_STEPS = ('RandomLesionCrop', 'RandomTranspose')
#: The other steps of the recipes' pipeline, by mmdet.
MMDET_PIPELINE = (
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations', with_bbox=True, with_mask=True),
    dict(type='Resize', scale=(512, 512), keep_ratio=True),
    dict(type='RandomFlip', prob=0.75, direction=['horizontal', 'vertical', 'diagonal']),
    dict(type='PhotoMetricDistortion'),
    dict(type='PackDetInputs'),
)


def build(way: str, data: str) -> Any:
    """Return the data set with the pipeline of a way."""
    init_default_scope('mmdet')
    config = load_config(OURS, data_root=data).train_dataloader.dataset
    if way == 'ours':
        config.pipeline = [step for step in config.pipeline if step.type not in OWN_STEPS]
    if way in ('recipe', 'ours'):
        return DATASETS.build(config)
    if way == 'mmdet-kept':
        keep_freed_memory()
    return DATASETS.build(
        dict(
            type='CocoDataset',
            data_root=data,
            ann_file=config.ann_file,
            data_prefix=config.data_prefix,
            metainfo=dict(classes=('lesion',)),
            pipeline=list(MMDET_PIPELINE),
        )
    )


def milliseconds_of_transforms(dataset: Any, number: int) -> dict[str, float]:
    """Return what each transform takes for an image, over `number` images drawn at random."""
    taken = {type(transform).__name__: 0.0 for transform in dataset.pipeline.transforms}
    for index in torch.randint(len(dataset), (number,)).tolist():
        results = dataset.get_data_info(index)
        for transform in dataset.pipeline.transforms:
            start = time.perf_counter()
            results = transform(results)
            taken[type(transform).__name__] += time.perf_counter() - start
    return {name: 1000 * seconds / number for name, seconds in taken.items()}


class Loaders:
    """Loaders over a data set by their number of worker processes, each kept once started."""

    def __init__(self, dataset: Any) -> None:
        self._dataset = dataset
        self._loaders: dict[tuple[int, int], DataLoader] = {}

    def seconds(self, workers: int, number: int) -> float:
        """Return how long it takes until `number` images are there."""
        if (workers, number) not in self._loaders:
            self._loaders[workers, number] = DataLoader(
                self._dataset,
                BATCH,
                sampler=RandomSampler(self._dataset, replacement=True, num_samples=number),
                num_workers=workers,
                persistent_workers=workers > 0,
                collate_fn=pseudo_collate,
            )
        start = time.perf_counter()
        images = sum(len(batch['inputs']) for batch in self._loaders[workers, number])
        seconds = time.perf_counter() - start
        if images != number:
            raise ValueError(f'{images} images were loaded instead of {number}')
        return seconds


def main(way: str, data: str) -> None:
    """Answer the lines of the input until it ends."""
    # What mmengine sets for a training, so that worker processes do not fight over cores.
    cv2.setNumThreads(0)
    torch.set_num_threads(1)
    answers = sys.stdout
    sys.stdout = sys.stderr  # which pycocotools prints to
    dataset = build(way, data)
    loaders = Loaders(dataset)
    print(json.dumps({'images': len(dataset)}), file=answers, flush=True)
    for line in sys.stdin:
        question, *numbers = line.split()
        answer: dict[str, Any]
        if question == 'transforms':
            answer = milliseconds_of_transforms(dataset, *map(int, numbers))
        else:
            answer = {'seconds': loaders.seconds(*map(int, numbers))}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == '__main__':
    main(*sys.argv[1:])
