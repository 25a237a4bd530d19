import cv2
import pytest
from PIL import Image
from pycocotools import mask as coco_mask

from isic_mmdet.datasets.checks import class_count_errors
from isic_mmdet.datasets.consistency import run_lengths


def test_a_sound_data_set_has_no_error(errors_of):
    assert errors_of() == []


def test_classes_and_categories_must_be_equal(errors_of, edit):
    (error,) = errors_of(classes=('lesion'))
    assert "('lesion',)" in error
    errors = errors_of(classes=('benign', 'melanoma'))
    assert len(errors) == 3
    assert "class 'benign'" in errors[0] and "category 'lesion'" in errors[2]
    swapped = [{'id': 1, 'name': 'melanoma'}, {'id': 2, 'name': 'benign'}]
    edit(lambda coco: coco.update(categories=swapped))
    (error,) = errors_of(classes=('benign', 'melanoma'))
    assert 'order' in error


def test_all_missing_files_are_reported_at_once(data, errors_of, edit):
    first, second = edit()['images'][:2]
    (data / 'images' / first['file_name']).unlink()
    (data / second['original_mask']).unlink()
    errors = errors_of()
    assert len(errors) == 2
    assert first['file_name'] in errors[0] and second['original_mask'] in errors[1]


def changed(part: str, **values):
    """Return a change of the first record of a part; the value None removes a key."""

    def change(coco):
        record = coco[part][0]
        record.update(values)
        for key, value in values.items():
            if value is None:
                del record[key]

    return change


def again(part: str, **values):
    """Return a change that adds the first record of a part again, with other values."""
    return lambda coco: coco[part].append({**coco[part][0], **values})


@pytest.mark.parametrize(
    ('change', 'expected'),
    [
        (lambda coco: coco.update(images=None), 'images is None, expected: list'),
        (lambda coco: coco.pop('images'), 'images is missing'),
        (lambda coco: coco['images'].append(7), 'expected: record'),
        (lambda coco: coco['annotations'].pop(0), 'no lesion is annotated'),
        (changed('images', height=None), 'height is missing'),
        (changed('images', isic_id=None), 'isic_id is missing'),
        (changed('images', width='96'), "width is '96'"),
        (changed('images', id=True), 'id is True'),
        (changed('images', isic_id=[1]), 'isic_id is [1]'),
        (changed('images', file_name='../a.jpg'), "file_name is '../a.jpg'"),
        (changed('images', file_name='/etc/passwd'), "file_name is '/etc/passwd'"),
        (changed('images', original_mask='a\0'), 'original_mask is'),
        (changed('images', height=60_000, width=60_000), 'are more than'),
        (changed('images', height=95), 'its record'),
        (changed('images', original_width=1), 'official mask'),
        (changed('annotations', bbox=[1, 2, 3]), 'list of 4 items'),
        (changed('annotations', bbox=[1, 2, float('nan'), 4]), 'bbox[2] is nan'),
        (changed('annotations', bbox=[5, 5, 4000, 3]), 'does not fit'),
        (changed('annotations', bbox=[5, 5, 0, 3]), 'does not fit'),
        (changed('annotations', area='many'), "area is 'many'"),
        (changed('annotations', area=0), 'its area is 0'),
        (changed('annotations', area=None), 'area is missing'),
        (changed('annotations', image_id=999), 'image id 999 is unknown'),
        (changed('annotations', category_id=7), 'category id 7 is unknown'),
        (changed('annotations', iscrowd=1), 'ignored'),
        (changed('annotations', segmentation=None), 'no mask'),
        (changed('annotations', segmentation={'size': [7, 7], 'counts': '1'}), 'mask is [7, 7]'),
        (changed('annotations', segmentation={'size': [96, 96], 'counts': '1'}), 'do not fill'),
        (changed('annotations', segmentation={'size': [96, 96], 'counts': 'ä'}), 'no run-length'),
        (changed('annotations', segmentation=[[0, 0, 1e12, 0, 5, 5]]), 'no list of polygons'),
        (changed('annotations', segmentation=[[0, 0, 5, 0, 5]]), 'no list of polygons'),
        (changed('annotations', segmentation='polygon'), 'no list of polygons'),
        (changed('categories', name=''), "name is ''"),
        (again('images'), 'comes 2 times'),
        (again('images', isic_id='a', file_name='b'), 'images: id'),
        (again('annotations'), 'annotations: id'),
        (again('categories', id=2), 'comes 2 times'),
    ],
)
def test_a_value_that_cannot_be_right_is_an_error(errors_of, edit, change, expected):
    edit(change)
    assert any(expected in error for error in errors_of())


def test_polygons_of_the_lesions_are_sound(errors_of, edit):
    def outline(coco):
        for annotation in coco['annotations']:
            mask = coco_mask.decode(run_lengths(annotation, *annotation['segmentation']['size']))
            outlines, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
            annotation['segmentation'] = [
                outline.ravel().tolist() for outline in outlines if len(outline) > 3
            ]

    edit(outline)
    assert errors_of() == []


@pytest.mark.parametrize('text', ['{"images": [', '[' * 200_000, '[]', 'null', '5'])
def test_json_of_another_kind_is_an_error(data, errors_of, text):
    (data / 'annotations/train.json').write_text(text)
    assert len(errors_of()) == 1


def test_a_split_that_was_not_prepared_differs_from_missing_data(data, errors_of):
    (data / 'annotations/val.json').unlink()
    (error,) = errors_of(split='val')
    assert 'only test.json, train.json' in error and '--split ratio' in error
    for path in (data / 'annotations').iterdir():
        path.unlink()
    assert 'prepare the data first' in errors_of()[0]
    assert '--data-root' in errors_of()[0]


def test_files_whose_headers_contradict_their_records_are_errors(data, errors_of, edit):
    paths = [data / 'images' / image['file_name'] for image in edit()['images'][:4]]
    Image.new('RGB', (7, 5)).save(paths[0])
    paths[1].write_bytes(b'no image')
    exif = Image.Exif()
    exif[0x0112] = 3
    Image.open(paths[2]).save(paths[2], exif=exif)
    Image.open(paths[3]).rotate(180).save(paths[3], quality=95)  # of the same size
    errors = errors_of()
    expected = ['has 7 x 5 pixels', 'not an image', 'stored rotated', 'changed since it was']
    for error, path, words in zip(errors, paths, expected, strict=True):
        assert str(path) in error
        assert words in error


def test_every_head_with_another_class_count_is_named():
    heads = [dict(num_classes=1), dict(num_classes=2)]
    roi_head = dict(bbox_head=heads, mask_head=dict(num_classes=80))
    model = dict(rpn_head=dict(num_classes=1), roi_head=roi_head)
    errors = class_count_errors(model, ('benign', 'melanoma'))
    assert [error.split(',')[0] for error in errors] == [
        'model.roi_head.bbox_head.num_classes is 1',
        'model.roi_head.mask_head.num_classes is 80',
    ]
    model = dict(panoptic_head=dict(num_things_classes=80))
    assert 'num_things_classes is 80' in class_count_errors(model, ('lesion',))[0]


@pytest.mark.parametrize(('boxes', 'diagnoses', 'errors'), [(1, 2, 0), (2, 3, 2), (1, None, 1)])
def test_with_a_diagnosis_head_the_others_have_one_class(boxes, diagnoses, errors):
    roi_head = dict(bbox_head=dict(num_classes=boxes))
    if diagnoses is not None:
        roi_head['diagnosis_head'] = dict(num_classes=diagnoses)
    assert len(class_count_errors(dict(roi_head=roi_head), ('benign', 'melanoma'))) == errors
