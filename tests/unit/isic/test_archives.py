from pathlib import Path

import pytest

from isic_mmdet.isic.archives import find_problem
from tests.support.lying_server import IMAGES, MASKS, archive_named, make_official, make_zip

TABLE = 'ISIC-2017_Validation_Part3_GroundTruth.csv'
IDS = [f'ISIC_{number:07d}' for number in range(99)]


def problem_of(path: Path, name: str, content: bytes) -> str | None:
    path.write_bytes(content)
    return find_problem(path, archive_named(name))


@pytest.mark.parametrize('name', [IMAGES, MASKS, TABLE])
def test_official_contents_pass(tmp_path: Path, name: str) -> None:
    assert problem_of(tmp_path / 'file', name, make_official(archive_named(name))) is None


@pytest.mark.parametrize(
    ('change', 'problem'),
    [
        (
            lambda _: make_official(archive_named(MASKS)),
            'holds 0 images, and the official file 100',
        ),
        (
            lambda _: make_zip([*(f'{i}.JPG' for i in IDS), *(f'__MACOSX/._{i}.jpg' for i in IDS)]),
            'holds 99 images, and the official file 100',
        ),
        (lambda data: data[:-1], 'not a readable zip'),
        (lambda data: data[:20_000], 'not a readable zip'),
        (lambda data: data[1:], 'not a readable zip'),
        (lambda data: data[:5000] + data[6000:], 'not a readable zip'),
        (lambda data: data[:5000] + bytes(1000) + data[6000:], 'not a readable zip'),
    ],
    ids=['masks', 'one missing', 'cut', 'half', 'start cut', 'hole', 'zeros inside'],
)
def test_other_zips_do_not_pass(tmp_path: Path, change, problem: str) -> None:
    content = change(make_official(archive_named(IMAGES)))
    assert problem in problem_of(tmp_path / 'file', IMAGES, content)


@pytest.mark.parametrize(
    ('change', 'problem'),
    [
        (lambda _: b'', 'columns []'),
        (lambda data: data.replace(b'image_id', b'id'), "columns ['id', 'melanoma'"),
        (lambda data: data[: data.rindex(b'ISIC')], 'holds 149 diagnoses'),
        (lambda data: data[:-9], 'holds 149 diagnoses'),
        (lambda _: b'\xff\xfe\x00', 'not a readable CSV'),
    ],
    ids=['empty', 'columns', 'row missing', 'row cut', 'not text'],
)
def test_other_tables_do_not_pass(tmp_path: Path, change, problem: str) -> None:
    content = change(make_official(archive_named(TABLE)))
    assert problem in problem_of(tmp_path / 'file', TABLE, content)


@pytest.mark.shared_data
def test_real_columns_pass(shared: Path) -> None:
    """The columns are those of a real table; only the number of rows is not the official one."""
    table = 'ISIC-2017_Training_Part3_GroundTruth.csv'
    problem = find_problem(shared / 'isic2017_fullsize' / table, archive_named(table))
    assert problem == 'holds 40 diagnoses, and the official file 2000'
