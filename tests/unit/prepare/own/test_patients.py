from pathlib import Path

import pytest

from isic_mmdet.errors import InputError
from isic_mmdet.images.sources import SourceFile
from isic_mmdet.prepare.own.patients import Patient, read_patients

PH2 = """\
||   Name ||   Histological Diagnosis ||   Clinical Diagnosis ||   Asymmetry | Colors ||
|| IMD003 ||                        ||                  0 ||         0 |  T ||  4 ||
|| IMD009 ||               Melanoma ||                  2 ||         2 | AT ||  3  4 ||
|| IMD010 ||                        ||                  1 ||         0 |  T ||  4 ||

Legends:
"""


def read(tmp_path: Path, name: str, text: str) -> dict[str, Patient]:
    path = tmp_path / 'table'
    path.write_bytes(text.encode())
    return read_patients(name, SourceFile(path, None, path.stat().st_size, 0))


def test_ham10000(tmp_path: Path) -> None:
    text = (
        'lesion_id,image_id,dx,age,sex\nHAM_1,ISIC_1,nv,45.0,male\nHAM_1,ISIC_2,nv,,unknown\n'
        'HAM_2,ISIC_3,,unknown,female\n'
    )
    assert read(tmp_path, 'ham10000', text) == {
        'ISIC_1': Patient({'diagnosis': 'nv', 'age': 45, 'sex': 'male'}, 'HAM_1'),
        'ISIC_2': Patient({'diagnosis': 'nv'}, 'HAM_1'),
        'ISIC_3': Patient({'sex': 'female'}, 'HAM_2'),
    }
    assert read(tmp_path, 'ham10000', text.replace(',', '\t')) != {}


def test_ph2(tmp_path: Path) -> None:
    found = read(tmp_path, 'ph2', PH2)
    assert {i: patient.label['diagnosis'] for i, patient in found.items()} == {
        'IMD003': 'common nevus',
        'IMD009': 'melanoma',
        'IMD010': 'atypical nevus',
    }


@pytest.mark.parametrize(
    ('name', 'text', 'problem'),
    [
        ('ham10000', 'image_id,dx\nISIC_1,nv\n', 'no column lesion_id'),
        ('ham10000', 'lesion_id,image_id,dx,age\nH,I,nv,old\n', "line 2: age 'old'"),
        ('ham10000', 'lesion_id,image_id,dx\nH,I,nv\nH,I,mel\n', 'line 3: I is there twice'),
        ('ham10000', '\0\0\0', 'cannot be read'),
        ('ph2', PH2.replace(' 2 || ', ' 7 || '), "line 3: clinical diagnosis '7'"),
        ('ph2', 'Legends:\n', 'no row such as'),
    ],
)
def test_damaged_tables(tmp_path: Path, name: str, text: str, problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        read(tmp_path, name, text)
