"""Annotations against themselves, the official masks and the other splits."""

import shutil

import cv2
import numpy as np
import pytest
from pycocotools import mask as coco_mask

from isic_mmdet.datasets.consistency import mask_problem, shared_images
from isic_mmdet.masks.run_lengths import bounding_box

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


def test_several_annotations_of_an_image_must_differ_and_agree_in_their_class(errors_of, edit):
    edit(lambda coco: coco['annotations'].append({**coco['annotations'][0], 'id': 999}))
    (error,) = errors_of()
    assert 'annotated twice' in error

    def add_class(coco):
        coco['categories'] = [{'id': 1, 'name': 'a'}, {'id': 2, 'name': 'b'}]
        coco['annotations'][-1]['category_id'] = 2

    edit(add_class)
    (error,) = errors_of(('a', 'b'))
    assert "classes ['a', 'b']" in error


def test_a_lesion_of_two_parts_is_sound(errors_of, edit):
    def split(coco):
        first = coco['annotations'].pop(0)
        mask = coco_mask.decode(first['segmentation'])
        half = first['bbox'][0] + first['bbox'][2] // 2
        for number, columns in enumerate((slice(half), slice(half, None)), 900):
            part = np.zeros_like(mask)
            part[:, columns] = mask[:, columns]
            values = {'bbox': bounding_box(part > 0), 'area': int(part.sum())}
            coco['annotations'].append(
                {**first, 'id': number, 'segmentation': encoded(part), **values}
            )

    edit(split)
    assert errors_of() == []


def corner(mask: np.ndarray) -> np.ndarray:
    moved = np.zeros_like(mask)
    moved[:3, :3] = 255
    return moved


@pytest.mark.parametrize(
    ('change', 'words'),
    [
        (lambda mask: mask // 255, 'no gray above 128'),
        (lambda mask: mask // 2, 'no gray above 128'),
        (lambda mask: 255 - mask, 'rotated, inverted'),
        (corner, 'IoU of 0.'),
        (lambda mask: np.stack([mask] * 3, axis=-1), 'of mode RGB'),
    ],
    ids=['0 and 1', '0 and 127', 'inverted', 'rotated', 'color'],
)
def test_official_masks_that_are_stored_in_another_way_are_noticed(data, errors_of, change, words):
    for path in (data / 'original_masks').iterdir():
        cv2.imwrite(str(path), change(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)))
    errors = errors_of()
    assert len(errors) == 12
    assert all(words in error for error in errors)


def test_images_in_two_splits_are_found_by_id_and_by_content(data, edit):
    train, val = (
        {image['isic_id']: data / 'images' / image['file_name'] for image in images}
        for images in (edit(split=split)['images'] for split in ('train', 'val'))
    )
    assert shared_images({'train': train, 'val': val}) == []
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
