import json

import pytest

from isic_mmdet.errors import InputError
from isic_mmdet.prepare.own.coco_file import read_coco
from isic_mmdet.prepare.own.outlines import Polygon, RunLengths
from tests.support.annotation_exports import TRIANGLE, coco, write


@pytest.fixture
def content():
    return coco()


def errors_of(tmp_path, content):
    export = read_coco(write(tmp_path / 'coco.json', content))
    return {(error.file_name, error.kind) for error in export.errors}


def test_polygons_and_painted_masks_of_cvat_are_read(tmp_path, content):
    export = read_coco(write(tmp_path / 'coco.json', content))
    first, second = export.images
    assert not export.errors
    assert (first.file_name, first.size) == ('a/one.jpg', (40, 60))
    assert first.lesions[0].category == 'nevus'
    assert first.lesions[0].parts == (Polygon(tuple(TRIANGLE)),)
    assert second.lesions[0].category == 'melanoma'
    assert isinstance(second.lesions[0].parts[0], RunLengths)


def test_a_file_of_utf_16_is_read(tmp_path, content):
    path = tmp_path / 'coco.json'
    path.write_text(json.dumps(content), encoding='utf-16')
    assert len(read_coco(path).images) == 2


def test_all_errors_are_listed_with_the_file_name(tmp_path, content):
    annotations = content['annotations']
    annotations[0]['segmentation'] = [[1.0, float('nan'), 3.0, 4.0, 5.0, 6.0]]
    annotations[1]['category_id'] = 7
    annotations.append({'id': 9, 'image_id': 99, 'category_id': 1, 'segmentation': [TRIANGLE]})
    assert errors_of(tmp_path, content) == {
        ('a/one.jpg', 'bad outline'),
        ('two.png', 'unknown category'),
        ('annotation 9', 'unknown image'),
    }


def test_one_wrong_outline_removes_the_image_but_no_other(tmp_path, content):
    wrong = {**content['annotations'][0], 'id': 3, 'segmentation': []}
    content['annotations'].append(wrong)
    export = read_coco(write(tmp_path / 'coco.json', content))
    assert [image.file_name for image in export.images] == ['two.png']
    assert [error.kind for error in export.errors] == ['no outline']


def test_an_image_without_annotation_is_an_error(tmp_path, content):
    del content['annotations'][0]
    assert errors_of(tmp_path, content) == {('a/one.jpg', 'no outline')}


def test_the_same_image_twice_is_an_error(tmp_path, content):
    content['images'].append({**content['images'][0], 'id': 3})
    content['annotations'].append({**content['annotations'][0], 'id': 3, 'image_id': 3})
    assert errors_of(tmp_path, content) == {('a/one.jpg', 'annotated twice')}


@pytest.mark.parametrize('part', ['images', 'categories'])
def test_ids_that_come_twice_are_refused(part, tmp_path, content):
    content[part].append({**content[part][0]})
    with pytest.raises(InputError, match='id 1 comes 2 times'):
        read_coco(write(tmp_path / 'coco.json', content))
