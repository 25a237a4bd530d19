import pytest

from isic_mmdet.errors import InputError
from isic_mmdet.prepare.own.outlines import Ellipse, Polygon
from isic_mmdet.prepare.own.via import read_via
from tests.support.annotation_exports import SQUARE, via2, via3, write


def first_region(content):
    return content['_via_img_metadata']['one.jpg1234']['regions'][0]


def parts(export):
    return {image.file_name: image.lesions[0].parts[0] for image in export.images}


def annotations(content):
    return content['_via_img_metadata']


def as_via1(content):
    for image in content['_via_img_metadata'].values():
        image['regions'] = {str(i): region for i, region in enumerate(image['regions'])}
    return content['_via_img_metadata']


@pytest.mark.parametrize('content', [via2(), annotations(via2()), as_via1(via2()), via3()])
def test_all_versions_say_the_same(content, tmp_path):
    export = read_via(write(tmp_path / 'via.json', content))
    assert not export.errors
    assert parts(export) == {
        'one.jpg': Ellipse(30, 20, 10.5, 10.5),
        'two.png': Polygon(tuple(map(float, SQUARE))),
    }
    assert [image.lesions[0].category for image in export.images] == ['nevus', 'melanoma']


@pytest.mark.parametrize(
    ('shape', 'part'),
    [
        (
            {'name': 'rect', 'x': 1, 'y': 2, 'width': 10, 'height': 5},
            Polygon((1, 2, 11, 2, 11, 7, 1, 7)),
        ),
        (
            {'name': 'ellipse', 'cx': 9, 'cy': 8, 'rx': 7, 'ry': 6, 'theta': 0.5},
            Ellipse(9, 8, 7, 6, 0.5),
        ),
        ({'name': 'ellipse', 'cx': 9, 'cy': 8, 'rx': 7, 'ry': 6}, Ellipse(9, 8, 7, 6)),
        (
            {'name': 'polyline', 'all_points_x': [1, 5, 5], 'all_points_y': [1, 1, 5]},
            Polygon((1, 1, 5, 1, 5, 5)),
        ),
    ],
)
def test_every_shape_with_an_area_is_read(shape, part, tmp_path):
    content = via2()
    first_region(content)['shape_attributes'] = shape
    assert parts(read_via(write(tmp_path / 'via.json', content)))['one.jpg'] == part


@pytest.mark.parametrize(
    ('shape', 'text'),
    [
        ({'name': 'point', 'cx': 1, 'cy': 2}, 'a point has no area'),
        ({'name': 'circle', 'cx': 1, 'cy': 2}, 'circle.r is missing'),
        ({'name': 'polygon', 'all_points_x': [1, 2, 3], 'all_points_y': [1, 2]}, '3 x and 2 y'),
    ],
)
def test_a_wrong_region_is_an_error_of_its_image(shape, text, tmp_path):
    content = via2()
    first_region(content)['shape_attributes'] = shape
    export = read_via(write(tmp_path / 'via.json', content))
    assert list(parts(export)) == ['two.png']
    assert export.errors[0].file_name == 'one.jpg'
    assert text in export.errors[0].detail


def test_checked_boxes_are_classes(tmp_path):
    content = via2()
    first_region(content)['region_attributes'] = {'diagnosis': {'bkl': True, 'nevus': False}}
    export = read_via(write(tmp_path / 'via.json', content))
    assert export.images[0].lesions[0].category == 'bkl'


def test_regions_without_attributes_are_lesions(tmp_path):
    content = via2()
    for image in content['_via_img_metadata'].values():
        image['regions'][0]['region_attributes'] = {}
    export = read_via(write(tmp_path / 'via.json', content))
    assert {image.lesions[0].category for image in export.images} == {'lesion'}


def test_one_region_without_its_class_is_an_error(tmp_path):
    content = via2()
    first_region(content)['region_attributes'] = {}
    export = read_via(write(tmp_path / 'via.json', content))
    assert 'has no diagnosis' in export.errors[0].detail


def test_the_class_is_named_where_there_are_several_attributes(tmp_path):
    content = via2()
    first_region(content)['region_attributes']['quality'] = 'good'
    path = write(tmp_path / 'via.json', content)
    with pytest.raises(InputError, match=r'diagnosis, quality.*--class-attribute'):
        read_via(path)
    assert len(read_via(path, 'diagnosis').images) == 2
    with pytest.raises(InputError, match='no region has the attribute'):
        read_via(path, 'color')


def test_an_image_without_region_is_an_error(tmp_path):
    content = via3()
    del content['metadata']['1_a']
    export = read_via(write(tmp_path / 'via.json', content))
    assert [(error.file_name, error.kind) for error in export.errors] == [('one.jpg', 'no outline')]
