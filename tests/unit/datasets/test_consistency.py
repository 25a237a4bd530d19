"""Annotations against themselves, the official masks and the other splits."""

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from pycocotools import mask as coco_mask

from isic_mmdet.datasets.checks import annotation_errors
from isic_mmdet.datasets.consistency import mask_problem, shared_images

HEIGHT, WIDTH = 40, 50


def encoded(mask: np.ndarray) -> dict:
    code = coco_mask.encode(np.asfortranarray(mask, np.uint8))
    return {'size': code['size'], 'counts': code['counts'].decode()}


def annotation(form: str, **changes) -> dict:
    """A rectangle of x 10 to 29 and y 5 to 19, inclusive, in one of three forms."""
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[5:20, 10:30] = 1
    runs = np.diff(np.flatnonzero(np.diff(mask.T.ravel(), prepend=0, append=0)), prepend=0)
    forms = {
        'compressed': encoded(mask),
        'runs': {
            'size': [HEIGHT, WIDTH],
            'counts': [*runs.tolist(), HEIGHT * WIDTH - int(runs.sum())],
        },
        'polygon': [[10, 5, 30, 5, 30, 20, 10, 20]],
    }
    return {'segmentation': forms[form], 'bbox': [10, 5, 20, 15], 'area': 300} | changes


FORMS = pytest.mark.parametrize('form', ['compressed', 'runs', 'polygon'])


@FORMS
@pytest.mark.parametrize(
    'changes',
    [
        {},
        {'bbox': [10, 5, 19, 14]},
        {'bbox': [9.4, 4.6, 20.9, 15.8]},
        {'area': 290.5},
        {'bbox': [10, 5, 20, 14], 'area': 280},
    ],
    ids=['exact', 'last pixel', 'rounded', 'area', 'area of the box'],
)
def test_what_other_tools_write_is_sound(form, changes):
    assert mask_problem(annotation(form, **changes), HEIGHT, WIDTH) is None


@FORMS
@pytest.mark.parametrize(
    ('changes', 'problem'),
    [
        ({'bbox': [12, 5, 18, 15]}, 'its box'),
        ({'bbox': [5, 10, 15, 20]}, 'its box'),
        ({'bbox': [10, 5, 30, 20]}, 'its box'),
        ({'bbox': [20, 20, 20, 15]}, 'its box'),
        ({'area': 30}, 'its area is 30'),
        ({'area': 2000}, 'its area is 2000'),
    ],
    ids=['shifted', 'x and y swapped', 'corners', 'turned', 'too small', 'of the image'],
)
def test_what_contradicts_the_mask_is_a_problem(form, changes, problem):
    assert problem in mask_problem(annotation(form, **changes), HEIGHT, WIDTH)


@pytest.fixture
def data(tiny_data: Path, tmp_path: Path) -> Path:
    """A copy of the tiny data set that a test may spoil."""
    return Path(shutil.copytree(tiny_data, tmp_path / 'data'))


def read(data: Path, split: str = 'train') -> dict:
    return json.loads((data / f'annotations/{split}.json').read_text())


def write(data: Path, coco: dict) -> None:
    (data / 'annotations/train.json').write_text(json.dumps(coco))


def errors_of(data: Path, classes=('lesion',)) -> list[str]:
    return annotation_errors(data / 'annotations/train.json', data, data / 'images', classes)


def test_the_same_lesion_annotated_twice_is_a_problem(data):
    coco = read(data)
    coco['annotations'].append({**coco['annotations'][0], 'id': 999})
    write(data, coco)
    (problem,) = errors_of(data)
    assert 'annotated twice' in problem


def test_annotations_of_one_image_in_two_classes_are_a_problem(data):
    coco = read(data)
    coco['categories'] = [{'id': 1, 'name': 'a'}, {'id': 2, 'name': 'b'}]
    coco['annotations'].append({**coco['annotations'][0], 'id': 999, 'category_id': 2})
    write(data, coco)
    (problem,) = errors_of(data, ('a', 'b'))
    assert "classes ['a', 'b']" in problem


def test_a_lesion_of_two_parts_is_sound(data):
    coco = read(data)
    first = coco['annotations'][0]
    mask = coco_mask.decode(first['segmentation'])
    x, _, width, _ = first['bbox']
    half = x + width // 2
    parts = []
    for number, columns in enumerate((slice(x, half), slice(half, x + width))):
        part = np.zeros_like(mask)
        part[:, columns] = mask[:, columns]
        code = encoded(part)
        box = [
            int(value) for value in coco_mask.toBbox({**code, 'counts': code['counts'].encode()})
        ]
        parts.append(
            {
                **first,
                'id': 900 + number,
                'segmentation': code,
                'bbox': box,
                'area': int(part.sum()),
            }
        )
    coco['annotations'][:1] = parts
    write(data, coco)
    assert errors_of(data) == []


@pytest.mark.parametrize(
    ('change', 'words'),
    [
        (lambda mask: mask // 255, 'no gray above 128'),
        (lambda mask: mask // 2, 'no gray above 128'),
        (lambda mask: 255 - mask, 'turned, inverted'),
        (lambda mask: np.stack([mask] * 3, axis=-1), 'of mode RGB'),
    ],
    ids=['0 and 1', '0 and 127', 'inverted', 'color'],
)
def test_official_masks_that_are_stored_in_another_way_are_noticed(data, change, words):
    for path in (data / 'original_masks').iterdir():
        cv2.imwrite(str(path), change(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)))
    errors = errors_of(data)
    assert len(errors) == 12
    assert all(words in problem for problem in errors)


def test_official_masks_that_are_turned_are_noticed(data):
    for image in read(data)['images']:
        path = str(data / image['original_mask'])
        mask = np.zeros_like(cv2.imread(path, cv2.IMREAD_GRAYSCALE))
        mask[:3, :3] = 255
        cv2.imwrite(path, mask)
    assert all('IoU of 0.' in problem for problem in errors_of(data))


def files_of(data: Path, split: str) -> dict[str, Path]:
    return {
        image['isic_id']: data / 'images' / image['file_name']
        for image in read(data, split)['images']
    }


def test_splits_without_common_images(data):
    assert shared_images({split: files_of(data, split) for split in ('train', 'val')}) == []


def test_images_in_two_splits_are_found_by_id_and_by_content(data):
    train, val = files_of(data, 'train'), files_of(data, 'val')
    name, path = next(iter(train.items()))
    (note,) = shared_images({'train': train, 'val': val | {name: path}})
    assert note.startswith(f'1 images are in train and in val (such as {name})')
    other = data / 'images' / 'copy.jpg'
    shutil.copy(path, other)
    (note,) = shared_images({'train': train, 'val': val | {'copy': other}})
    assert f'{name} and copy' in note
    # Of the same size, but another image.
    other.write_bytes(other.read_bytes()[:-3] + b'xyz')
    assert shared_images({'train': train, 'val': val | {'copy': other}}) == []
