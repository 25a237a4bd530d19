"""What is hostile on its way into a data set, its samples and its metric."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import isic_mmdet.register  # noqa: F401 - before mmdet's own
from isic_mmdet.datasets.lesion_dataset import LesionDataset
from isic_mmdet.engine.train.batch_errors import loading_error
from isic_mmdet.evaluation.image_row import image_row
from tests.e2e.fuzz import fuzz_reading as reading
from tests.e2e.fuzz.fuzz_judge import HOSTILE, Put, Scene, Wrong, check, check_message, watched
from tests.e2e.fuzz.fuzz_prepared import annotations, prepared_copy

PIPELINE = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations', with_bbox=True, with_mask=True),
    dict(type='PackLesionInputs'),
]


def build(data: Path, test_mode: bool = False) -> LesionDataset:
    return LesionDataset(
        data_root=str(data),
        ann_file='annotations/train.json',
        data_prefix=dict(img='images/'),
        pipeline=PIPELINE,
        test_mode=test_mode,
    )


def load_image(scene: Scene, put: Put) -> str:
    data = prepared_copy(scene)
    path = data / 'images' / f'{HOSTILE}.jpg'
    path.unlink()
    put(path)
    dataset = watched(build, data, bool(scene.odd % 2))
    return _load_items(dataset, data)


def _load_items(dataset: LesionDataset, data: Path) -> str:
    coco = annotations(data)
    ids = {image['isic_id'] for image in coco['images']}
    known = {image['isic_id']: image for image in coco['images']}
    truths = {e['image_id']: e for e in coco['annotations']}
    check(len(dataset) == len(coco['images']) == len(ids), 'an image is lost')
    outcome = 'right'
    for index in range(len(dataset)):
        try:
            item = watched(dataset.__getitem__, index)
        except Exception as error:
            # Training says so, with the id of the image; `loading_error` is how.
            problem = loading_error(error)
            check_message(f'{problem}. {problem.remedy}')
            outcome = 'refused'
            continue
        sample = item['data_samples']
        record = known[sample.isic_id]
        path = data / 'images' / record['file_name']
        seen = reading.pictures(reading.content(path))
        loaded = item['inputs'].numpy().transpose(1, 2, 0)[..., ::-1]
        offs = [reading.far(loaded, picture) for picture in seen]
        check(bool(offs) and min(offs) < 3, f'another image of {path.name}: {offs}')
        entry = truths[record['id']]
        masks = sample.gt_instances.masks.masks
        if isinstance(entry['segmentation'], dict):
            truth = reading.unfold(entry['segmentation'])
            check(np.array_equal(masks[0].astype(bool), truth), 'another mask')
        check(masks.shape[1:] == loaded.shape[:2], 'mask and image differ in size')
        x, y, width, height = entry['bbox']
        box = sample.gt_instances.bboxes.tensor.numpy()[0]
        check(bool(np.allclose(box, [x, y, x + width, y + height], atol=0.01)), 'another box')
        check(sample.gt_label == 0, 'another label')
    return outcome


def load_mask(scene: Scene, put: Put) -> str:
    """Score a prediction against a hostile official mask, as validation and test do."""
    data = prepared_copy(scene)
    path = data / 'original_masks' / f'{HOSTILE}_segmentation.png'
    path.unlink()
    put(path)
    dataset = watched(build, data, test_mode=True)
    pair = scene.pairs[1]
    predicted = np.roll(pair.mask > 128, 3, axis=1)
    (index,) = [i for i in range(len(dataset)) if dataset.get_data_info(i)['isic_id'] == HOSTILE]
    record = dataset.get_data_info(index)
    sample = {
        'isic_id': HOSTILE,
        'ori_shape': (record['height'], record['width']),
        'original_mask': record['original_mask'],
        'gt_label': 0,
        'pred_instances': {'scores': [0.9], 'labels': [0], 'masks': predicted[None]},
    }
    row = watched(image_row, sample, ('lesion',))
    truth = reading.lesion(reading.content(path), {'L', '1', 'P'})
    if truth is None:
        raise Wrong('a mask is scored against that Pillow cannot read')
    check((row['height'], row['width']) == truth.shape, 'another size')
    check(truth.shape == predicted.shape, 'a mask of another size is scored against')
    wanted = reading.jaccard(truth, predicted)
    check(math.isclose(row['iou'], wanted, abs_tol=1e-9), f'{row["iou"]}, not {wanted}')
    return 'right'


def load_annotations(scene: Scene, make: Callable[[dict[str, Any]], bytes]) -> str:
    data = prepared_copy(scene)
    path = data / 'annotations' / 'train.json'
    path.write_bytes(make(annotations(data)))
    return _load_items(watched(build, data, bool(scene.odd % 3 == 0)), data)
