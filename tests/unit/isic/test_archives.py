import csv
import zipfile
from pathlib import Path

import pytest

from isic_mmdet.isic.archives import find_problem
from tests.support.lying_server import IMAGES, MASKS, archive_named, make_official, make_zip


@pytest.mark.parametrize('name', [IMAGES, MASKS, 'ISIC-2017_Validation_Part3_GroundTruth.csv'])
def test_official_contents_pass(tmp_path: Path, name: str) -> None:
    path = tmp_path / 'file'
    path.write_bytes(make_official(archive_named(name)))
    assert find_problem(path, archive_named(name)) is None


def test_zips_with_other_contents_do_not_pass(tmp_path: Path) -> None:
    path = tmp_path / 'file'
    archive = archive_named(IMAGES)
    path.write_bytes(make_official(archive_named(MASKS)))
    assert find_problem(path, archive) == 'holds 0 images, and the official file 100'
    ids = [f'ISIC_{number:07d}' for number in range(99)]
    path.write_bytes(make_zip([f'{i}.JPG' for i in ids] + [f'__MACOSX/._{i}.jpg' for i in ids]))
    assert find_problem(path, archive) == 'holds 99 images, and the official file 100'


@pytest.mark.parametrize('cut', [slice(0, -1), slice(0, 20_000), slice(1, None)])
def test_cut_zips_do_not_pass(tmp_path: Path, cut: slice) -> None:
    path = tmp_path / 'file'
    path.write_bytes(make_official(archive_named(IMAGES))[cut])
    problem = find_problem(path, archive_named(IMAGES))
    assert problem is not None
    assert problem.startswith('is not a readable zip file')


def test_a_zip_with_a_hole_or_foreign_bytes_inside_does_not_pass(tmp_path: Path) -> None:
    whole = make_official(archive_named(IMAGES))
    path = tmp_path / 'file'
    for damaged in (whole[:5000] + whole[6000:], whole[:5000] + bytes(1000) + whole[6000:]):
        path.write_bytes(damaged)
        problem = find_problem(path, archive_named(IMAGES))
        assert problem is not None
        assert problem.startswith('is not a readable zip file')


def test_wrong_tables_do_not_pass(tmp_path: Path) -> None:
    archive = archive_named('ISIC-2017_Validation_Part3_GroundTruth.csv')
    path = tmp_path / 'file'
    lines = make_official(archive).decode().splitlines(keepends=True)
    for text, problem in [
        ('', 'has the columns []'),
        (''.join(['a,b,c\n', *lines[1:]]), "has the columns ['a', 'b', 'c']"),
        (''.join(lines[:-1]), 'holds 149 complete rows, and the official file 150'),
        (''.join(lines)[:-9], 'holds 149 complete rows, and the official file 150'),
    ]:
        path.write_text(text)
        assert problem in str(find_problem(path, archive))
    path.write_bytes(b'\xff\xfe\x00')
    assert 'is not a readable CSV file' in str(find_problem(path, archive))


@pytest.mark.shared_data
def test_real_names_and_columns_pass(tmp_path: Path, shared: Path) -> None:
    """The patterns fit real files; the counts here are those of the sample, not the official."""
    source = shared / 'isic2017_fullsize'
    for name in ('ISIC-2017_Training_Data', 'ISIC-2017_Training_Part1_GroundTruth'):
        path = tmp_path / f'{name}.zip'
        members = sorted((source / name).iterdir())
        with zipfile.ZipFile(path, 'w') as file:
            for member in members:
                file.write(member, f'{name}/{member.name}')
        holds = archive_named(path.name).holds
        pairs = len(list((source / 'ISIC-2017_Training_Data').glob('*.jpg')))
        assert find_problem(path, archive_named(path.name)) == (
            f'holds {pairs} {holds}, and the official file 2000'
        )
    table = 'ISIC-2017_Training_Part3_GroundTruth.csv'
    with (source / table).open() as file:
        rows = len(list(csv.reader(file))) - 1
    assert find_problem(source / table, archive_named(table)) == (
        f'holds {rows} complete rows, and the official file 2000'
    )
