from pathlib import Path

import pytest

from isic_mmdet.challenge.labels import read_labels
from isic_mmdet.challenge.sources import SourceFile
from isic_mmdet.errors import InputError

PART3 = 'image_id,melanoma,seborrheic_keratosis\n'
METADATA = 'image_id,age_approximate,sex\n'


def table(path: Path, text: str, encoding: str = 'utf-8') -> SourceFile:
    path.write_text(text, encoding=encoding)
    return SourceFile(path, None, len(text), 0)


def test_part3_and_metadata_are_joined(tmp_path: Path) -> None:
    rows = 'ISIC_0000001,1.0,0.0\nISIC_0000002,0.0,1.0\nisic_0000003,0,0\n'
    ages = 'ISIC_0000001,55,female\nISIC_0000002,unknown,unknown\nISIC_0000004,30.5,male\n'
    labels, faults = read_labels(
        [
            table(tmp_path / 'labels.csv', PART3 + rows, 'utf-8-sig'),
            table(tmp_path / 'metadata.csv', METADATA + ages),
            table(tmp_path / 'other.csv', 'image,MEL\nISIC_0000001,1\n'),
        ]
    )
    assert not faults
    assert labels == {
        'ISIC_0000001': {'diagnosis': 'melanoma', 'age': 55, 'sex': 'female'},
        'ISIC_0000002': {'diagnosis': 'seborrheic_keratosis'},
        'ISIC_0000003': {'diagnosis': 'nevus'},
        'ISIC_0000004': {'age': 30.5, 'sex': 'male'},
    }


@pytest.mark.parametrize('values', ['1.0,1.0', ',', '0.5,0', 'yes,no', '1.0'])
def test_values_that_are_no_diagnosis(tmp_path: Path, values: str) -> None:
    file = table(tmp_path / 'a.csv', PART3 + f'ISIC_0000001,{values}\nISIC_0000002,0,0\n')
    labels, (fault,) = read_labels([file])
    assert labels == {'ISIC_0000001': {}, 'ISIC_0000002': {'diagnosis': 'nevus'}}
    assert (fault.isic_id, fault.kind) == ('ISIC_0000001', 'bad label')


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
    labels, (fault,) = read_labels(
        [
            table(tmp_path / 'a.csv', METADATA + f'ISIC_0000001,{values}\n'),
            table(tmp_path / 'b.csv', PART3 + 'ISIC_0000001,1,0\n'),
        ]
    )
    assert labels == {'ISIC_0000001': {'diagnosis': 'melanoma', **kept}}
    assert fault.kind == 'bad label'


def test_contradiction_between_tables(tmp_path: Path) -> None:
    labels, (fault,) = read_labels(
        [
            table(tmp_path / 'a.csv', PART3 + 'ISIC_0000001,1.0,0.0\n'),
            table(tmp_path / 'b.csv', PART3 + 'ISIC_0000001,0.0,0.0\n'),
        ]
    )
    assert labels == {'ISIC_0000001': {}}
    assert 'b.csv' in fault.detail


def test_unreadable_table(tmp_path: Path) -> None:
    path = tmp_path / 'a.csv'
    path.write_bytes(b'\xff\xfe\x00image_id')
    with pytest.raises(InputError, match=r'a\.csv: cannot be read as CSV'):
        read_labels([SourceFile(path, None, 11, 0)])


@pytest.mark.parametrize('text', ['x' * 200_000, '"' + 'x' * 200_000])
def test_a_cell_without_end_is_named(tmp_path: Path, text: str) -> None:
    with pytest.raises(InputError, match=r'a\.csv: cannot be read as CSV'):
        read_labels([table(tmp_path / 'a.csv', PART3 + text)])
