import json
import shutil
from pathlib import Path

import cv2
import pytest
from PIL import Image
from pycocotools import mask as coco_mask

from isic_mmdet.datasets.checks import annotation_errors, class_count_errors
from isic_mmdet.datasets.consistency import run_lengths


@pytest.fixture
def data(tiny_data: Path, tmp_path: Path) -> Path:
    """A copy of the tiny data set that a test may spoil."""
    return Path(shutil.copytree(tiny_data, tmp_path / 'data'))


def errors_of(data: Path, classes=('lesion',)) -> list[str]:
    return annotation_errors(data / 'annotations/train.json', data, data / 'images', classes)


def edit(data: Path, change) -> None:
    path = data / 'annotations/train.json'
    coco = json.loads(path.read_text())
    change(coco)
    path.write_text(json.dumps(coco))


def test_a_sound_data_set_has_no_problem(data):
    assert errors_of(data) == []


def test_classes_that_are_a_string_are_named_as_such(data):
    (problem,) = errors_of(data, classes=('lesion'))
    assert "('lesion',)" in problem


def test_missing_and_extra_categories_are_both_reported(data):
    errors = errors_of(data, classes=('benign', 'melanoma'))
    assert len(errors) == 3
    assert "class 'benign'" in errors[0]
    assert "category 'lesion'" in errors[2]


def test_an_order_of_categories_that_would_swap_labels_is_a_problem(data):
    edit(
        data,
        lambda coco: coco.update(
            categories=[{'id': 1, 'name': 'melanoma'}, {'id': 2, 'name': 'benign'}]
        ),
    )
    (problem,) = errors_of(data, classes=('benign', 'melanoma'))
    assert 'order' in problem


def test_all_missing_files_are_reported_at_once(data):
    coco = json.loads((data / 'annotations/train.json').read_text())
    first, second = coco['images'][:2]
    (data / 'images' / first['file_name']).unlink()
    (data / second['original_mask']).unlink()
    errors = errors_of(data)
    assert len(errors) == 2
    assert first['file_name'] in errors[0]
    assert second['original_mask'] in errors[1]


def test_an_image_without_a_lesion_is_a_problem(data):
    edit(data, lambda coco: coco['annotations'].pop(0))
    (problem,) = errors_of(data)
    assert 'no lesion is annotated' in problem


@pytest.mark.parametrize(
    ('change', 'expected'),
    [
        (lambda annotation: annotation.update(bbox=[5, 5, 4000, 3]), 'does not fit'),
        (lambda annotation: annotation.update(bbox=[5, 5, 0, 3]), 'does not fit'),
        (lambda annotation: annotation.pop('segmentation'), 'no mask'),
        (lambda annotation: annotation['segmentation'].update(size=[7, 7]), 'its mask is [7, 7]'),
        (lambda annotation: annotation.update(image_id=999), 'unknown'),
        (lambda annotation: annotation.update(category_id=7), 'category id 7 is unknown'),
        (lambda annotation: annotation.update(area=0), 'its area is 0'),
        (lambda annotation: annotation.pop('area'), 'its area is None'),
        (lambda annotation: annotation.update(iscrowd=1), 'ignored'),
    ],
)
def test_a_shape_that_cannot_be_right_is_a_problem(data, change, expected):
    edit(data, lambda coco: change(coco['annotations'][0]))
    assert any(expected in problem for problem in errors_of(data))


def test_a_missing_and_a_broken_file_are_told_apart(data):
    path = data / 'annotations/train.json'
    path.write_text('{"images": [')
    assert 'not valid JSON' in errors_of(data)[0]
    path.write_text('{}')
    assert 'no images, annotations, categories' in errors_of(data)[0]
    path.unlink()
    assert 'no such file' in errors_of(data)[0]


def test_every_head_with_another_class_count_is_named():
    model = dict(
        rpn_head=dict(num_classes=1),
        roi_head=dict(
            bbox_head=[dict(num_classes=1), dict(num_classes=2)], mask_head=dict(num_classes=80)
        ),
    )
    errors = class_count_errors(model, ('benign', 'melanoma'))
    assert len(errors) == 2
    assert errors[0].startswith('model.roi_head.bbox_head.num_classes is 1')
    assert errors[1].startswith('model.roi_head.mask_head.num_classes is 80')


def test_beside_a_diagnosis_head_the_others_know_one_class():
    roi_head = dict(
        bbox_head=dict(num_classes=1),
        mask_head=dict(num_classes=1),
        diagnosis_head=dict(num_classes=2),
    )
    assert class_count_errors(dict(roi_head=roi_head), ('benign', 'melanoma')) == []
    roi_head['bbox_head']['num_classes'] = 2
    roi_head['diagnosis_head']['num_classes'] = 3
    errors = class_count_errors(dict(roi_head=roi_head), ('benign', 'melanoma'))
    assert [problem.split(',')[0] for problem in errors] == [
        'model.roi_head.bbox_head.num_classes is 2',
        'model.roi_head.diagnosis_head.num_classes is 3',
    ]
    # Where that leaves one class for the data set, nothing tells its two apart.
    roi_head = dict(bbox_head=dict(num_classes=1))
    assert len(class_count_errors(dict(roi_head=roi_head), ('benign', 'melanoma'))) == 1


@pytest.mark.parametrize(
    ('change', 'expected'),
    [
        (lambda coco: coco.update(images=None), 'images is not a list'),
        (lambda coco: coco['images'].append(7), 'is no record'),
        (lambda coco: coco['images'][0].pop('height'), 'its height is None'),
        (lambda coco: coco['images'][0].update(width='96'), "its width is '96'"),
        (lambda coco: coco['images'][0].update(id=True), 'its id is True'),
        (lambda coco: coco['images'][0].update(isic_id=[1]), 'its isic_id is [1]'),
        (lambda coco: coco['images'][0].update(file_name='../a.jpg'), 'its file_name'),
        (lambda coco: coco['images'][0].update(file_name='/etc/passwd'), 'its file_name'),
        (lambda coco: coco['images'][0].update(original_mask='a\0'), 'its original_mask'),
        (lambda coco: coco['images'][0].update(height=60_000, width=60_000), 'are more than'),
        (lambda coco: coco['images'][0].update(height=95), 'its record'),
        (lambda coco: coco['images'][0].update(original_width=1), 'official mask'),
        (lambda coco: coco['annotations'][0].update(bbox=[1, 2, 3]), 'list of four numbers'),
        (lambda coco: coco['annotations'][0].update(bbox=[1, 2, float('nan'), 4]), 'four'),
        (lambda coco: coco['annotations'][0].update(area='many'), "its area is 'many'"),
        (lambda coco: coco['categories'][0].update(name=None), 'its name is None'),
        (lambda coco: coco['images'].append(coco['images'][0]), 'comes 2 times'),
        (lambda coco: coco['images'][0].update(id=coco['images'][1]['id']), 'images: id'),
        (lambda coco: coco['annotations'].append(coco['annotations'][0]), 'annotations: id'),
        (lambda coco: coco['categories'].append({'id': 2, 'name': 'lesion'}), 'comes 2 times'),
        (lambda coco: segmentation(coco).update(counts='1'), 'do not fill'),
        (lambda coco: segmentation(coco).update(counts='ä'), 'no run-length code'),
        (lambda coco: polygons(coco, [[0, 0, 1e12, 0, 5, 5]]), 'no list of polygons'),
        (lambda coco: polygons(coco, [[0, 0, 5, 0, 5]]), 'no list of polygons'),
        (lambda coco: polygons(coco, 'polygon'), 'no list of polygons'),
    ],
)
def test_a_value_that_cannot_be_right_is_a_problem(data, change, expected):
    edit(data, change)
    (problem, *_) = errors_of(data)
    assert expected in problem


def segmentation(coco: dict) -> dict:
    return coco['annotations'][0]['segmentation']


def polygons(coco: dict, value: object) -> None:
    coco['annotations'][0]['segmentation'] = value


def test_polygons_of_the_lesions_are_sound(data):
    def outlined(coco):
        for annotation in coco['annotations']:
            mask = coco_mask.decode(run_lengths(annotation, *annotation['segmentation']['size']))
            outlines, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
            annotation['segmentation'] = [
                outline.ravel().tolist() for outline in outlines if len(outline) > 3
            ]

    edit(data, outlined)
    assert errors_of(data) == []


@pytest.mark.parametrize('text', ['[' * 200_000, '[]', 'null', '5'])
def test_json_of_another_kind_is_a_problem(data, text):
    (data / 'annotations/train.json').write_text(text)
    assert len(errors_of(data)) == 1


def test_files_whose_headers_contradict_their_records_are_errors(data):
    coco = json.loads((data / 'annotations/train.json').read_text())
    paths = [data / 'images' / image['file_name'] for image in coco['images'][:3]]
    Image.new('RGB', (7, 5)).save(paths[0])
    paths[1].write_bytes(b'no image')
    exif = Image.Exif()
    exif[0x0112] = 3
    Image.open(paths[2]).save(paths[2], exif=exif)
    errors = errors_of(data)
    assert len(errors) == 3
    for problem, path, expected in zip(
        errors, paths, ['has 7 x 5 pixels', 'not an image', 'stored turned'], strict=True
    ):
        assert str(path) in problem
        assert expected in problem


def test_an_image_that_was_changed_since_it_was_prepared_is_a_problem(data):
    coco = json.loads((data / 'annotations/train.json').read_text())
    path = data / 'images' / coco['images'][1]['file_name']
    Image.open(path).rotate(180).save(path, quality=95)  # of the same size
    (problem,) = errors_of(data)
    assert str(path) in problem
    assert 'changed since it was prepared' in problem


def test_a_split_that_was_not_prepared_is_told_from_data_that_are_not_there(data):
    (data / 'annotations/val.json').unlink()
    (problem,) = annotation_errors(
        data / 'annotations/val.json', data, data / 'images', ('lesion',)
    )
    assert 'only test.json, train.json' in problem
    assert '--split ratio' in problem
