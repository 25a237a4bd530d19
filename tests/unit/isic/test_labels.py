from pathlib import Path

import pytest

from isic_mmdet.errors import InputError
from isic_mmdet.images.sources import SourceFile
from isic_mmdet.isic.labels import read_labels

PART3 = 'image_id,melanoma,seborrheic_keratosis\n'
METADATA = 'image_id,age_approximate,sex\n'


def table(path: Path, text: str, encoding: str = 'utf-8') -> SourceFile:
    path.write_text(text, encoding=encoding)
    return SourceFile(path, None, len(text), 0)


def test_part3_and_metadata_are_joined(tmp_path: Path) -> None:
    rows = 'ISIC_0000001,1.0,0.0\nISIC_0000002,0.0,1.0\nisic_0000003,0,0\n'
    ages = 'ISIC_0000001,55,female\nISIC_0000002,unknown,unknown\nISIC_0000004,30.5,male\n'
    found = read_labels(
        [
            table(tmp_path / 'labels.csv', PART3 + rows, 'utf-8-sig'),
            table(tmp_path / 'metadata.csv', METADATA + ages),
            table(tmp_path / 'other.csv', 'image,MEL\nISIC_0000001,1\n'),
        ]
    )
    assert not found.errors
    (other,) = found.other_tables
    assert 'other.csv (separator comma' in other
    assert "'MEL'" in other
    assert found.by_id == {
        'ISIC_0000001': {'diagnosis': 'melanoma', 'age': 55, 'sex': 'female'},
        'ISIC_0000002': {'diagnosis': 'seborrheic_keratosis'},
        'ISIC_0000003': {'diagnosis': 'nevus'},
        'ISIC_0000004': {'age': 30.5, 'sex': 'male'},
    }


@pytest.mark.parametrize('values', ['1.0,1.0', ',', '0.5,0', 'maybe,no', '1.0'])
def test_values_that_are_no_diagnosis(tmp_path: Path, values: str) -> None:
    file = table(tmp_path / 'a.csv', PART3 + f'ISIC_0000001,{values}\nISIC_0000002,0,0\n')
    labels = read_labels([file])
    assert labels.by_id == {'ISIC_0000001': {}, 'ISIC_0000002': {'diagnosis': 'nevus'}}
    (problem,) = labels.errors
    assert (problem.isic_id, problem.kind) == ('ISIC_0000001', 'bad label')
    assert 'a.csv, line 2: melanoma' in problem.detail


@pytest.mark.parametrize(
    ('values', 'kept'),
    [
        ('young,female', {'sex': 'female'}),
        ('nan,female', {'sex': 'female'}),
        ('-3,female', {'sex': 'female'}),
        ('30,other', {'age': 30}),
    ],
)
def test_values_that_are_no_metadata_cost_only_themselves(
    tmp_path: Path, values: str, kept: dict
) -> None:
    labels = read_labels(
        [
            table(tmp_path / 'a.csv', METADATA + f'ISIC_0000001,{values}\n'),
            table(tmp_path / 'b.csv', PART3 + 'ISIC_0000001,1,0\n'),
        ]
    )
    assert labels.by_id == {'ISIC_0000001': {'diagnosis': 'melanoma', **kept}}
    (problem,) = labels.errors
    assert problem.kind == 'bad label'


def test_contradiction_between_tables(tmp_path: Path) -> None:
    labels = read_labels(
        [
            table(tmp_path / 'a.csv', PART3 + 'ISIC_0000001,1.0,0.0\n'),
            table(tmp_path / 'b.csv', PART3 + 'ISIC_0000001,0.0,0.0\n'),
        ]
    )
    assert labels.by_id == {'ISIC_0000001': {}}
    (problem,) = labels.errors
    assert 'b.csv, line 2' in problem.detail


def test_unreadable_table(tmp_path: Path) -> None:
    path = tmp_path / 'a.csv'
    path.write_bytes(b'\xff\xfe\x00image_id')
    with pytest.raises(InputError, match=r'a\.csv: cannot be read as text'):
        read_labels([SourceFile(path, None, 11, 0)])
    path.unlink()
    with pytest.raises(InputError, match=r'a\.csv: cannot be read as CSV .*get it again'):
        read_labels([SourceFile(path, None, 11, 0)])


@pytest.mark.parametrize('text', ['x' * 200_000, '"' + 'x' * 200_000])
def test_a_cell_without_end_is_named(tmp_path: Path, text: str) -> None:
    with pytest.raises(InputError, match=r'a\.csv, line 2: cannot be read as CSV'):
        read_labels([table(tmp_path / 'a.csv', PART3 + text)])


OFFICIAL = PART3 + 'ISIC_0000001,1.0,0.0\nISIC_0000002,0.0,1.0\nISIC_0000003,0.0,0.0\n'


@pytest.mark.parametrize(
    'text',
    [
        OFFICIAL.replace(',', ';'),
        OFFICIAL.replace(',', ';').replace('.0', ',0'),
        OFFICIAL.replace(',', '\t'),
        OFFICIAL.replace(PART3, 'Image_ID,Melanoma,Seborrheic Keratosis\n'),
        OFFICIAL.replace('image_id', 'image'),
        OFFICIAL.replace('1,', '1.jpg,').replace('2,', '2.JPG,').replace('3,', '3.jpeg,'),
        OFFICIAL.replace('ISIC', 'images/ISIC'),
        OFFICIAL.replace('ISIC', ' isic'),
        OFFICIAL.replace('1.0', 'TRUE').replace('0.0', 'FALSE'),
        OFFICIAL.replace('.0', ''),
        OFFICIAL.replace('\n', ',,\n') + ',,,,\n\n',
        '\ufeff' + OFFICIAL.replace('\n', '\r\n'),
        OFFICIAL.replace('\n', '\r'),
    ],
)
def test_a_table_that_a_spreadsheet_saved_says_the_same(tmp_path: Path, text: str) -> None:
    file = tmp_path / 'labels.csv'
    file.write_bytes(text.encode())
    labels = read_labels([SourceFile(file, None, len(text.encode()), 0)])
    assert labels.by_id == {
        'ISIC_0000001': {'diagnosis': 'melanoma'},
        'ISIC_0000002': {'diagnosis': 'seborrheic_keratosis'},
        'ISIC_0000003': {'diagnosis': 'nevus'},
    }
    assert not labels.errors


@pytest.mark.parametrize(
    ('text', 'place'),
    [
        (OFFICIAL.replace('.0', ',0'), 'line 2, column 4'),
        (OFFICIAL.replace('ISIC_0000002', '2'), 'line 3, column image_id'),
        (OFFICIAL + 'total,1,1\n', 'line 5, column image_id'),
        (OFFICIAL.replace('image_id', 'number'), 'line 1: no column of image ids'),
        (OFFICIAL.replace('keratosis', 'keratosis,melanoma'), 'melanoma is there 2 times'),
    ],
    ids=['decimal commas', 'number', 'total', 'no ids', 'twice'],
)
def test_a_table_that_cannot_be_understood_is_named_with_its_place(
    tmp_path: Path, text: str, place: str
) -> None:
    with pytest.raises(InputError, match=place) as error:
        read_labels([table(tmp_path / 'labels.csv', text)])
    assert 'labels.csv' in str(error.value)
