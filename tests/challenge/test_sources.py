import os
import zipfile
from pathlib import Path

import pytest

from isic_mmdet.challenge.sources import SourceFile, close_zips, list_files
from isic_mmdet.errors import InputError


def listed(*sources: Path) -> dict[str, SourceFile]:
    return {'/'.join([*folders, file.name]): file for folders, file in list_files(sources, any_zip)}


def any_zip(name: str) -> bool:
    return True


def write_zip(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, 'w', zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def test_files_in_folders_and_zips_are_listed_and_read_alike(tmp_path: Path) -> None:
    top = tmp_path / 'top'
    (top / 'a').mkdir(parents=True)
    (top / 'a' / 'one.txt').write_bytes(b'1')
    write_zip(top / 'b.zip', {'c/two.txt': b'22', 'c/': b'', '__MACOSX/c/._two.txt': b''})
    files = listed(top)
    assert sorted(files) == ['top/a/one.txt', 'top/b/c/two.txt']
    assert files['top/a/one.txt'].read() == b'1'
    assert files['top/b/c/two.txt'].read() == b'22'
    assert files['top/b/c/two.txt'].size == 2
    close_zips()


@pytest.mark.parametrize(
    'name', ['../out.jpg', 'a/../../out.jpg', '/out.jpg', 'C:\\out.jpg', '..\\x']
)
def test_names_that_lead_out_of_a_zip_are_refused(tmp_path: Path, name: str) -> None:
    path = write_zip(tmp_path / 'bad.zip', {'good.jpg': b'', name: b''})
    with pytest.raises(InputError, match='lead out of the zip'):
        listed(path)


def test_half_a_zip_is_named(tmp_path: Path) -> None:
    path = write_zip(tmp_path / 'half.zip', {'a.txt': os.urandom(1000)})
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(InputError, match=r'half\.zip: not a complete zip'):
        listed(tmp_path)


def test_damage_inside_a_zip_is_noticed_on_reading(tmp_path: Path) -> None:
    path = tmp_path / 'damaged.zip'
    with zipfile.ZipFile(path, 'w', zipfile.ZIP_STORED) as archive:
        archive.writestr('a.txt', b'x' * 1000)
    path.write_bytes(path.read_bytes().replace(b'x' * 500, b'x' * 499 + b'y', 1))
    (file,) = listed(path).values()
    with pytest.raises(zipfile.BadZipFile, match='CRC'):
        file.read()
    close_zips()


def test_a_change_of_the_file_changes_its_identity(tmp_path: Path) -> None:
    path = tmp_path / 'a.txt'
    path.write_bytes(b'1')
    before = listed(tmp_path)
    path.write_bytes(b'2')
    os.utime(path, ns=(0, 1))
    after = listed(tmp_path)
    assert [f.identity for f in before.values()] != [f.identity for f in after.values()]


def test_links_are_followed_once_and_keep_their_names(tmp_path: Path) -> None:
    (tmp_path / 'blobs').mkdir()
    (tmp_path / 'blobs' / 'c0ffee').write_bytes(b'same')
    data = tmp_path / 'data'
    data.mkdir()
    for name in ('a.png', 'b.png'):  # two names for one content, as content stores do it
        (data / name).symlink_to(tmp_path / 'blobs' / 'c0ffee')
    (data / 'circle').symlink_to(data)
    assert sorted(listed(data)) == ['data/a.png', 'data/b.png']
    assert sorted(listed(data / 'a.png')) == ['data/a.png']


def test_all_missing_sources_are_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        listed(tmp_path / 'one', tmp_path, tmp_path / 'two')
    assert len(caught.value.faults) == 2
