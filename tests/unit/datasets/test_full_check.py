"""A data set that was made elsewhere, checked as the preparation checks the official files."""

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from isic_mmdet.datasets.checks import AnnotationFile
from isic_mmdet.datasets.full_check import check_data
from isic_mmdet.errors import InputError


def check(data: Path, workers: int = 1):
    splits = [
        (
            name,
            AnnotationFile(data / f'annotations/{name}.json', data, data / 'images', ('lesion',)),
        )
        for name in ('train', 'val', 'test')
    ]
    return check_data(splits, workers, distance=24, show_progress=False)


def images(data: Path, split: str) -> list[dict]:
    return json.loads((data / f'annotations/{split}.json').read_text())['images']


def remove_sizes(data: Path) -> None:
    """Remove what a data set from elsewhere does not have."""
    for path in (data / 'annotations').iterdir():
        coco = json.loads(path.read_text())
        for image in coco['images']:
            del image['image_bytes']
        path.write_text(json.dumps(coco))


@pytest.mark.parametrize('workers', [1, 2])
def test_sound_data_have_no_problem(tiny_data, workers):
    found = check(tiny_data, workers)
    assert found.images == {'train': 12, 'val': 3, 'test': 3}
    assert not found.errors
    assert not found.notes


def test_every_file_is_decoded_to_its_end(data, monkeypatch):
    monkeypatch.setattr('isic_mmdet.datasets.consistency.COMPARED_MASKS', 1)
    remove_sizes(data)
    image, mask = images(data, 'train')[5], images(data, 'test')[1]
    path = data / 'images' / image['file_name']
    path.write_bytes(path.read_bytes()[:-200])
    other = data / mask['original_mask']
    other.write_bytes(other.read_bytes()[:-40])
    found = check(data)
    first, second = found.errors
    assert first.startswith(f'test: {mask["isic_id"]}: the official mask')
    assert second.startswith(f'train: {image["isic_id"]}: the image file')


def test_one_mask_among_many_is_compared(data, monkeypatch):
    monkeypatch.setattr('isic_mmdet.datasets.consistency.COMPARED_MASKS', 1)
    image = images(data, 'train')[7]
    path = str(data / image['original_mask'])
    mask = cv2.imread(path, cv2.IMREAD_GRAYSCALE)
    cv2.imwrite(path, np.where(mask > 0, 200, 3).astype(np.uint8))
    found = check(data)
    assert not found.errors
    assert any('neither 0 nor 255' in note for note in found.notes)
    cv2.imwrite(path, mask * 0)
    (problem,) = check(data).errors
    assert problem.startswith(f'train: {image["isic_id"]}: the official mask')
    assert 'no gray above 128' in problem


def test_near_duplicates_in_two_splits_are_notes(data):
    remove_sizes(data)
    train, test = images(data, 'train')[2], images(data, 'test')[0]
    picture = cv2.imread(str(data / 'images' / train['file_name']))
    cv2.imwrite(str(data / 'images' / test['file_name']), cv2.add(picture, 3))
    (note,) = check(data).notes
    assert f'{test["isic_id"]}: is a near-duplicate of {train["isic_id"]} in train' in note
    shutil.copy(data / 'images' / train['file_name'], data / 'images' / test['file_name'])
    notes = check(data).notes
    assert any('images are in train and in test' in note for note in notes)


def test_a_split_that_is_not_there_is_noted(data):
    (data / 'annotations/test.json').unlink()
    found = check(data)
    assert 'test' not in found.images
    (note,) = found.notes
    assert note.startswith('test: ')
    for path in (data / 'annotations').iterdir():
        path.unlink()
    with pytest.raises(InputError, match='no such file'):
        check(data)
