"""Annotations and detections of a report: files of something else are refused, with every error."""

import json

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from isic_mmdet.errors import InputError
from isic_mmdet.report.page.dataset import read_predictions, read_records
from tests.support.report_run import make_run


@pytest.fixture
def rows(tmp_path, tiny_data):
    return make_run(tmp_path / 'test', tiny_data)


@pytest.fixture
def detections(tmp_path, rows):
    return tmp_path / 'test' / 'detections.json'


def test_records_have_image_truth_and_labels(rows, tiny_data):
    records = read_records(tiny_data, 'train', rows[::-1])
    assert list(records) == [row['image_id'] for row in rows[::-1]]
    content = json.loads((tiny_data / 'annotations' / 'train.json').read_text())
    for image, entry in zip(content['images'], content['annotations'], strict=True):
        record = records[image['isic_id']]
        assert record.path.is_file()
        assert record.truth == entry['segmentation']
        assert record.diagnosis == image.get('diagnosis')


def test_the_truth_of_several_lesions_is_their_union(rows, tiny_data, tmp_path):
    content = json.loads((tiny_data / 'annotations/train.json').read_text())
    first, second = content['annotations'][:2]
    second['image_id'] = first['image_id']
    image = next(each for each in content['images'] if each['id'] == first['image_id'])
    (tmp_path / 'annotations').mkdir()
    (tmp_path / 'annotations/train.json').write_text(json.dumps(content))
    (row,) = [row for row in rows if row['image_id'] == image['isic_id']]
    masks = [coco_mask.decode(each['segmentation']) for each in (first, second)]
    truth = read_records(tmp_path, 'train', [row])[image['isic_id']].truth
    assert np.array_equal(coco_mask.decode(truth), masks[0] | masks[1])


def test_data_of_another_evaluation_are_refused(rows, tiny_data):
    with pytest.raises(InputError, match='--data-root') as caught:
        read_records(tiny_data, 'val', rows)
    assert len(caught.value.errors) == 12


@pytest.mark.parametrize(
    'change',
    [
        lambda image, entry: image.update(file_name='../../private.jpg'),
        lambda image, entry: image.update(file_name='/home/private.jpg'),
        lambda image, entry: image.update(age='old'),
        lambda image, entry: image.update(sex=1),
        lambda image, entry: image.update(isic_id=[]),
        lambda image, entry: entry['segmentation'].update(counts='1'),
        lambda image, entry: entry['segmentation'].update(size=[60_000, 60_000]),
        lambda image, entry: entry.update(segmentation=[[1, 1, 9, 9, 1, 9]]),
        None,  # no JSON
    ],
)
def test_damaged_annotations_are_refused(tiny_data, tmp_path, change):
    content = json.loads((tiny_data / 'annotations' / 'train.json').read_text())
    if change:
        change(content['images'][0], content['annotations'][0])
    (tmp_path / 'annotations').mkdir()
    text = json.dumps(content)
    (tmp_path / 'annotations' / 'train.json').write_text(text if change else text[:-9])
    with pytest.raises(InputError, match=r'train\.json: '):
        read_records(tmp_path, 'train', [])


def test_the_detection_with_the_highest_score_is_used_in_any_order(rows, detections):
    expected = read_predictions(detections, rows)
    content = json.loads(detections.read_text())
    assert expected[rows[0]['image_id']] == content[0]['segmentation']
    assert rows[-1]['image_id'] not in expected
    detections.write_text(json.dumps(content[::-1]))
    assert read_predictions(detections, rows) == expected


def test_detections_of_another_evaluation_are_refused(rows, detections):
    content = json.loads(detections.read_text())
    content[3]['score'] += 1e-3
    detections.write_text(json.dumps(content[:-1]))
    with pytest.raises(InputError) as caught:
        read_predictions(detections, rows)
    assert len(caught.value.errors) == 2, 'another score, and a missing detection'


@pytest.mark.parametrize(
    'text',
    [
        '{',
        '[1]',
        '[{"isic_id": "a", "score": "nan"}]',
        '[{"isic_id": "a", "score": 1, "segmentation": {"size": [1], "counts": ""}}]',
    ],
)
def test_damaged_detections_are_refused(tmp_path, text):
    (tmp_path / 'detections.json').write_text(text)
    with pytest.raises(InputError, match='--out'):
        read_predictions(tmp_path / 'detections.json', [])
