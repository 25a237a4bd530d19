"""per_image.csv, scores and labels come back as written; invalid values are listed."""

import json

import pytest

from isic_mmdet.errors import InputError
from isic_mmdet.evaluation.per_image import (
    BOUNDARY_COLUMNS,
    PER_IMAGE_COLUMNS,
    read_labels,
    read_per_image,
    read_scores,
    write_per_image,
)

SCORES = dict.fromkeys(('iou', 'iou_max', 'dice', 'pixel_accuracy'), 0.5)


def row(number, **values):
    return (
        dict.fromkeys(PER_IMAGE_COLUMNS)
        | SCORES
        | {'sensitivity': 1.0, 'specificity': 0.25, 'score': 0.9, 'label': 'lesion'}
        | {'image_id': f'ISIC_{number:07d}', 'detections': 2, 'height': 512, 'width': 700}
        | values
    )


@pytest.fixture
def table(tmp_path):
    def write(*rows):
        path = tmp_path / 'per_image.csv'
        write_per_image(path, rows, tuple(rows[0]))
        return path

    return write


def test_a_table_comes_back_as_it_was_written(table):
    rows = [row(1), row(2, score=None, detections=0, predicted_label=None)]
    found = read_per_image(table(*rows[::-1]))
    # What only describes an image stays text.
    assert found == rows
    assert [type(found[0][name]) for name in ('detections', 'height', 'width')] == [int] * 3


def test_the_columns_of_the_scoring_tool_come_back_too(table):
    boundary, none = (dict.fromkeys(BOUNDARY_COLUMNS, value) for value in (0.5, None))
    known = {'lesion_share': 0.25, 'touches_border': True, 'age': 55, 'sex': 'male'}
    rows = [
        row(1, **known, **boundary),
        row(2, **known | {'age': None, 'sex': None}, **none),
        row(3, **known | {'age': 1.5, 'touches_border': False}, **none),
    ]
    assert read_per_image(table(*rows)) == rows


def test_all_wrong_values_are_listed(table):
    known = dict.fromkeys(BOUNDARY_COLUMNS) | {'touches_border': True}
    path = table(
        row(1, iou=1.5, **known | {'iou_shifted': -1}),
        row(2, dice=None, **known),
        row(3, height='tall', detections=1.5, **known),
        row(3, score='nan', height=-3, **known | {'touches_border': 'perhaps'}),
        row(4, image_id=None, **known),
    )
    with pytest.raises(InputError, match=r'per_image\.csv: damaged') as error:
        read_per_image(path)
    assert error.value.errors == [
        "line 2: iou is '1.5'",
        "line 2: iou_shifted is '-1'",
        "line 3: dice is ''",
        "line 4: detections is '1.5'",
        "line 4: height is 'tall'",
        "line 5: score is 'nan'",
        "line 5: height is '-3'",
        "line 5: touches_border is 'perhaps'",
        'line 5: ISIC_0000003 is there twice',
        'line 6: image_id is empty',
    ]


def test_some_boundary_columns_without_the_others_are_an_error(table):
    path = table(row(1, **dict.fromkeys(BOUNDARY_COLUMNS[:4], 0.5)))
    absent = 'iou_shifted, outline_shift_diagonal, outline_shift_px'
    with pytest.raises(InputError, match=f'lacks the columns {absent}; it has separator comma'):
        read_per_image(path)


def test_other_files_are_refused(tmp_path, table):
    with pytest.raises(InputError, match=r'absent\.csv: cannot be read'):
        read_per_image(tmp_path / 'absent.csv')
    other = tmp_path / 'other.csv'
    other.write_text('image_id,iou\nISIC_0000001,0.5\n')
    with pytest.raises(InputError, match='lacks the columns detections, dice, height'):
        read_per_image(other)
    other.write_bytes(b'\xff\xfe\x00')
    with pytest.raises(InputError, match='cannot be read as text'):
        read_per_image(other)
    other.write_text(','.join(PER_IMAGE_COLUMNS) + '\n')
    with pytest.raises(InputError, match='has no rows'):
        read_per_image(other)


def test_a_table_that_a_spreadsheet_saved_again_is_the_same(table):
    rows = [row(1, iou=0.8125, touches_border=True), row(2, iou=0.5, touches_border=False)]
    path = table(*rows)
    text = path.read_text().replace(',', ';').replace('.', ',').replace('True', 'TRUE')
    path.write_text('\ufeff' + text.replace('image_id', 'Image_ID') + ';;;\n')
    assert read_per_image(path) == rows


def test_scores_by_isic_id(tmp_path, table):
    path = tmp_path / 'predictions.csv'
    path.write_text('image,label,score\nISIC_0000001,lesion,0.5\nfolder/ISIC_0000002.jpg,,\n')
    assert read_scores(path) == {'ISIC_0000001': {'score': 0.5}, 'ISIC_0000002': {'score': None}}
    assert read_scores(table(row(4, score=0.25))) == {'ISIC_0000004': {'score': 0.25}}
    path.write_text('image,score,expected_iou,check\nISIC_0000001,0.5,0.75,True\n')
    found = {'score': 0.5, 'expected_iou': 0.75, 'check': True}
    assert read_scores(path) == {'ISIC_0000001': found}


def test_scores_of_own_images_by_path(tmp_path):
    path = tmp_path / 'predictions.csv'
    path.write_text('image,score\nclinic/a/1.5.JPG,0.5\nclinic/b/x,0.25\n')
    assert read_scores(path) == {'clinic/a/1.5': {'score': 0.5}, 'clinic/b/x': {'score': 0.25}}


def test_scores_that_cannot_be_matched(tmp_path):
    path = tmp_path / 'predictions.csv'
    path.write_text('image,score\nholiday,1\nISIC_0000001,2\nISIC_0000001,0.5\n')
    with pytest.raises(InputError) as error:
        read_scores(path)
    assert error.value.errors == [
        "line 2: no ISIC id in image 'holiday'",
        "line 3: score is '2'",
        'line 4: ISIC_0000001 is there twice',
    ]


def test_labels_of_an_annotation_file(tiny_data, tmp_path):
    known = read_labels(tiny_data / 'annotations/train.json')
    assert len(known) == 12
    path = tmp_path / 'train.json'
    images = [
        {'isic_id': 'ISIC_0000001', 'diagnosis': 'nevus', 'age': 40, 'sex': 'female', 'id': 1},
        {'isic_id': 'ISIC_0000002', 'diagnosis': 'melanoma'},
    ]
    path.write_text(json.dumps({'images': images}))
    assert read_labels(path) == {
        'ISIC_0000001': {'diagnosis': 'nevus', 'age': 40, 'sex': 'female'},
        'ISIC_0000002': {'diagnosis': 'melanoma'},
    }


@pytest.mark.parametrize('text', ['', '{', '{"images": [{"id": 1}]}'])
def test_other_files_than_annotations_are_refused(tmp_path, text):
    path = tmp_path / 'a.json'
    if text:
        path.write_text(text)
    with pytest.raises(InputError, match=r'a\.json: .*tools/prepare_isic\.py'):
        read_labels(path)


@pytest.mark.parametrize(
    'change',
    [{'isic_id': 5}, {'isic_id': 'ISIC_0000002'}, {'age': 'old'}, {'sex': 1}, {'diagnosis': []}],
)
def test_labels_of_another_kind_are_refused(tmp_path, change):
    images = [{'isic_id': 'ISIC_0000001', 'age': 30} | change, {'isic_id': 'ISIC_0000002'}]
    (tmp_path / 'a.json').write_text(json.dumps({'images': images}))
    with pytest.raises(InputError, match=r'a\.json: damaged'):
        read_labels(tmp_path / 'a.json')
