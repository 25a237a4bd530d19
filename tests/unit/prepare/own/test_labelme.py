import math

import pytest

from isic_mmdet.errors import InputError
from isic_mmdet.prepare.own.labelme import read_labelme
from isic_mmdet.prepare.own.outlines import Ellipse, Polygon, draw
from tests.support.annotation_exports import labelme, ring, write


@pytest.fixture
def files():
    return labelme()


def read(tmp_path, files):
    for name, content in files.items():
        write(tmp_path / name, content)
    return read_labelme(tmp_path)


def test_polygons_and_painted_masks_are_read(tmp_path, files):
    export = read(tmp_path, files)
    assert not export.errors
    assert [image.file_name for image in export.images] == ['one.jpg', '../photos/two.png']
    assert (draw(export.images[1].lesions[0], 60, 40) == ring()).all()


def test_rectangles_and_circles_are_read(tmp_path, files):
    shapes = files['one.json']['shapes']
    shapes[0] |= {'shape_type': 'rectangle', 'points': [[5, 6], [15, 26]]}
    shapes.append({**shapes[0], 'shape_type': 'circle', 'points': [[30, 20], [33, 24]]})
    first, second = read(tmp_path, files).images[0].lesions
    assert first.parts == (Polygon((5, 6, 15, 6, 15, 26, 5, 26)),)
    assert second.parts == (Ellipse(30, 20, 5, 5),)
    assert draw(first, 40, 60).sum() == 200
    assert draw(second, 40, 60).sum() == pytest.approx(25 * math.pi, rel=0.05)


def test_shapes_of_a_group_are_one_lesion(tmp_path, files):
    shapes = files['one.json']['shapes']
    shapes[0]['group_id'] = 1
    shapes += [{**shapes[0]}, {**shapes[0], 'group_id': None}]
    assert [len(lesion.parts) for lesion in read(tmp_path, files).images[0].lesions] == [2, 1]


def test_a_group_with_two_labels_is_an_error(tmp_path, files):
    shapes = files['one.json']['shapes']
    shapes[0]['group_id'] = 1
    shapes.append({**shapes[0], 'label': 'melanoma'})
    assert [error.kind for error in read(tmp_path, files).errors] == ['two labels']


@pytest.mark.parametrize(
    ('change', 'text'),
    [
        ({'shape_type': 'line'}, 'a line has no area'),
        ({'shape_type': 'circle'}, '3 points'),
        ({'points': [[1, 2], [3]]}, 'list of 2 items'),
        ({'shape_type': 'mask', 'points': [[5, 10], [34, 49]], 'mask': 'AAAA'}, 'no PNG'),
        ({'shape_type': 'mask', 'points': [[5, 10], [34, 49]]}, 'no PNG'),
    ],
)
def test_a_wrong_shape_is_listed_with_file_and_number(change, text, tmp_path, files):
    files['one.json']['shapes'][0] |= change
    export = read(tmp_path, files)
    assert [image.file_name for image in export.images] == ['../photos/two.png']
    assert export.errors[0].file_name == 'one.jpg'
    assert 'one.json, shape 1' in export.errors[0].detail
    assert text in export.errors[0].detail


def test_a_painted_mask_outside_the_image_is_an_error(tmp_path, files):
    files['two.json']['shapes'][0]['points'] = [[15, 10], [44, 49]]
    assert 'outside the image' in read(tmp_path, files).errors[0].detail


def test_two_files_of_one_image_are_an_error(tmp_path, files):
    files['copy.json'] = files['one.json']
    export = read(tmp_path, files)
    assert [(error.file_name, error.kind) for error in export.errors] == [
        ('one.jpg', 'annotated twice')
    ]


def test_another_json_file_is_listed_and_the_rest_is_read(tmp_path, files):
    files['other.json'] = {'images': []}
    export = read(tmp_path, files)
    assert len(export.images) == 2
    assert [error.kind for error in export.errors] == ['not of LabelMe']


def test_a_folder_without_files_of_labelme_is_refused(tmp_path):
    with pytest.raises(InputError, match='no JSON file'):
        read_labelme(tmp_path)
    write(tmp_path / 'a.json', {'x': 1})
    with pytest.raises(InputError, match='imagePath is missing'):
        read_labelme(tmp_path)
    with pytest.raises(InputError, match='no such folder'):
        read_labelme(tmp_path / 'none')
