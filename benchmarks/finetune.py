#!/usr/bin/env python
"""Fine-tune the model of the project on few images, next to training from ImageNet weights."""

import json
import random
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.harness import RESULTS, ROOT, run_python
from isic_mmdet.cli import make_parser, run
from isic_mmdet.errors import InputError
from isic_mmdet.utils.files import write_json

#: Training images of a run, and the epochs and the validation interval of configs/finetune.py.
SCHEDULES = {20: (35, 4), 50: (24, 3), 200: (14, 2), 1000: (7, 1)}
DRAWS = 3
#: Config of the runs from the model of the project, and of those from ImageNet weights.
CONFIGS = {
    'finetuned': 'configs/finetune.py',
    'imagenet': 'configs/isic2018_maskrcnn_lite.py',
}
# Settings were chosen on these images, which no draw contains.
_HELD = 200
_VALIDATION = 15 / 70  # of the training images, as after --split 70/15/15


def main() -> None:
    parser = make_parser(
        f'{__doc__}\n\n'
        f'Draws {", ".join(map(str, SCHEDULES))} training images, {DRAWS} times each, trains both\n'
        'on each draw, and scores the best epoch of each run once, on the test split. A stopped\n'
        'measurement continues. tools/docs_tables.py makes the table of the docs.',
        'python -m benchmarks.finetune data/ham10000 work_dirs/finetune',
    )
    parser.add_argument('data', type=Path, help='prepared data set with a train and a test split')
    parser.add_argument('work', type=Path, help='folder for the drawn data sets and the runs')
    args = parser.parse_args()
    data, work = args.data, args.work
    coco = json.loads((data / 'annotations/train.json').read_text(encoding='utf-8'))
    pool = [image['id'] for image in coco['images']]
    random.Random(0).shuffle(pool)
    pool = pool[_HELD:]
    needed = sum(map(len, draw(range(10**6), max(SCHEDULES), 0)))
    if len(pool) < needed:
        raise InputError(f'{data} has {len(pool)} images to draw from; {needed} are needed')
    for number in range(DRAWS):
        for images in SCHEDULES:
            name = f'n{images}_draw{number}'
            write_draw(data, coco, draw(pool, images, number), work / 'data' / name)
            for method in CONFIGS:
                _measure(method, name, images, work)
    _score('finetuned', ROOT / 'models/lesion_lite.pth', work / 'data' / name, work / 'before')
    for path in work.glob('*/test/metrics.json'):
        write_json(RESULTS / 'finetune' / f'{path.parts[-3]}.json', json.loads(path.read_text()))

    from benchmarks.finetune_table import draw_curve

    draw_curve(sorted((RESULTS / 'finetune').glob('*.json')), ROOT / 'docs/images/finetune.png')


def draw(pool: Sequence[int], images: int, number: int) -> tuple[list[int], list[int]]:
    """Return the ids of the training and of the validation images of one draw."""
    generator = random.Random(number + 1)
    for size in SCHEDULES:  # one generator draws all sizes
        validation = round(size * _VALIDATION)
        taken = generator.sample(pool, size + validation)
        if size == images:
            return taken[:size], taken[size:]
    raise ValueError(images)


def write_draw(
    data: Path, coco: Mapping[str, Any], parts: tuple[list[int], list[int]], out: Path
) -> None:
    """Write a data set with the images and the test split of another one."""
    (out / 'annotations').mkdir(parents=True, exist_ok=True)
    for split, ids in zip(('train', 'val'), map(set, parts), strict=True):
        content = {
            **coco,
            'images': [image for image in coco['images'] if image['id'] in ids],
            'annotations': [each for each in coco['annotations'] if each['image_id'] in ids],
        }
        write_json(out / f'annotations/{split}.json', content)
    shutil.copyfile(data / 'annotations/test.json', out / 'annotations/test.json')
    for name in ('images', 'original_masks', 'prepare_report.json'):
        if not (out / name).exists():
            (out / name).symlink_to((data / name).resolve())


def _measure(method: str, name: str, images: int, work: Path) -> None:
    folder = work / f'{method}_{name}'
    options: list[str] = []
    if method == 'imagenet':
        epochs, interval = SCHEDULES[images]
        options = [f'train_cfg.max_epochs={epochs}', f'train_cfg.val_interval={interval}']
        options = ['--cfg-options', *options]
    if not (folder / 'test/metrics.json').is_file():
        data = work / 'data' / name
        arguments = ('--amp', '--data-root', data, '--work-dir', folder, '--resume', *options)
        run_python('tools/train.py', CONFIGS[method], *arguments)
        (best,) = folder.glob('best_lesion_iou_epoch_*.pth')
        _score(method, best, data, folder)


def _score(method: str, checkpoint: Path, data: Path, folder: Path) -> None:
    arguments = ('--data-root', data, '--work-dir', folder / 'test')
    run_python('tools/test.py', CONFIGS[method], checkpoint, *arguments)


if __name__ == '__main__':
    run(main)
