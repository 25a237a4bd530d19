from pathlib import Path

import pytest

from isic_mmdet.errors import InputError
from isic_mmdet.images.sources import SourceFile
from isic_mmdet.isic.labels import Labels, read_labels

PART3 = 'image_id,melanoma,seborrheic_keratosis\n'
METADATA = 'image_id,age_approximate,sex\n'
OFFICIAL = PART3 + 'ISIC_0000001,1.0,0.0\nISIC_0000002,0.0,1.0\nISIC_0000003,0.0,0.0\n'


def read(folder: Path, *texts: str) -> Labels:
    """Write tables a.csv, b.csv, ... and read them."""
    files = []
    for letter, text in zip('abc', texts, strict=False):
        path = folder / f'{letter}.csv'
        path.write_bytes(text.encode())
        files.append(SourceFile(path, None, len(text), 0))
    return read_labels(files)


def test_part3_and_metadata_are_joined(tmp_path: Path) -> None:
    ages = 'ISIC_0000001,55,female\nISIC_0000002,unknown,unknown\nISIC_0000004,30.5,male\n'
    other = 'image,MEL\nISIC_0000001,1\n'
    found = read(tmp_path, OFFICIAL, METADATA + ages, other)
    assert not found.errors
    (skipped,) = found.other_tables
    assert 'c.csv (separator comma' in skipped
    assert "'MEL'" in skipped
    assert found.by_id == {
        'ISIC_0000001': {'diagnosis': 'melanoma', 'age': 55, 'sex': 'female'},
        'ISIC_0000002': {'diagnosis': 'seborrheic_keratosis'},
        'ISIC_0000003': {'diagnosis': 'nevus'},
        'ISIC_0000004': {'age': 30.5, 'sex': 'male'},
    }


@pytest.mark.parametrize(
    ('first', 'second', 'kept', 'place'),
    [
        (PART3 + 'ISIC_0000001,1.0,1.0', '', {}, 'a.csv, line 2: melanoma'),
        (PART3 + 'ISIC_0000001,,', '', {}, 'a.csv, line 2: melanoma'),
        (PART3 + 'ISIC_0000001,0.5,0', '', {}, 'a.csv, line 2: melanoma'),
        (PART3 + 'ISIC_0000001,maybe,no', '', {}, 'a.csv, line 2: melanoma'),
        (PART3 + 'ISIC_0000001,1.0', '', {}, 'a.csv, line 2: melanoma'),
        (METADATA + 'ISIC_0000001,young,female', '', {'sex': 'female'}, 'age_approximate'),
        (METADATA + 'ISIC_0000001,nan,female', '', {'sex': 'female'}, 'age_approximate'),
        (METADATA + 'ISIC_0000001,-3,female', '', {'sex': 'female'}, 'age_approximate'),
        (METADATA + 'ISIC_0000001,30,other', '', {'age': 30}, 'sex'),
        (PART3 + 'ISIC_0000001,1,0', PART3 + 'ISIC_0000001,0,0', {}, 'b.csv, line 2'),
    ],
)
def test_a_wrong_value_costs_only_itself(
    tmp_path: Path, first: str, second: str, kept: dict, place: str
) -> None:
    nevus = PART3 + 'ISIC_0000002,0,0\n'
    found = read(tmp_path, first, second or nevus, nevus)
    assert found.by_id == {'ISIC_0000001': kept, 'ISIC_0000002': {'diagnosis': 'nevus'}}
    (error,) = found.errors
    assert (error.isic_id, error.kind, error.left_out) == ('ISIC_0000001', 'bad label', False)
    assert place in error.detail


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
    labels = read(tmp_path, text)
    assert not labels.errors
    assert labels.by_id == {
        'ISIC_0000001': {'diagnosis': 'melanoma'},
        'ISIC_0000002': {'diagnosis': 'seborrheic_keratosis'},
        'ISIC_0000003': {'diagnosis': 'nevus'},
    }


@pytest.mark.parametrize(
    ('text', 'place'),
    [
        (OFFICIAL.replace('.0', ',0'), 'line 2, column 4'),
        (OFFICIAL.replace('ISIC_0000002', '2'), 'line 3, column image_id'),
        (OFFICIAL + 'total,1,1\n', 'line 5, column image_id'),
        (OFFICIAL.replace('image_id', 'number'), 'line 1: no column of image ids'),
        (OFFICIAL.replace('keratosis', 'keratosis,melanoma'), 'melanoma is there 2 times'),
        (PART3 + 'x' * 200_000, 'line 2: cannot be read as CSV'),
        (PART3 + '"' + 'x' * 200_000, 'line 2: cannot be read as CSV'),
        ('image_id\0', 'line 1: cannot be read'),
    ],
    ids=['decimal commas', 'number', 'total', 'no ids', 'twice', 'long', 'unclosed', 'no text'],
)
def test_a_table_that_cannot_be_understood_is_named_with_its_place(
    tmp_path: Path, text: str, place: str
) -> None:
    with pytest.raises(InputError, match=place) as error:
        read(tmp_path, text)
    assert 'a.csv' in str(error.value)


def test_a_missing_table(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r'a\.csv: cannot be read as CSV .*get it again'):
        read_labels([SourceFile(tmp_path / 'a.csv', None, 11, 0)])
