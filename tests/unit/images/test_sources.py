import os
import tracemalloc
import zipfile
from pathlib import Path

import pytest

from isic_mmdet.errors import InputError
from isic_mmdet.images.sources import SourceFile, close_zips, list_files


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
    assert len(caught.value.errors) == 2


def test_links_in_a_zip_are_refused(tmp_path: Path) -> None:
    link = zipfile.ZipInfo('ISIC_0000001.jpg')
    link.create_system = 3
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / 'links.zip', 'w') as archive:
        archive.writestr(link, '/etc/passwd')
    with pytest.raises(InputError, match=r"links\.zip.*\n  - 'ISIC_0000001.jpg' is a link"):
        listed(tmp_path)


def test_members_that_unpack_to_a_hundred_times_their_size_are_refused(tmp_path: Path) -> None:
    write_zip(tmp_path / 'bomb.zip', {'good.jpg': b'', 'ISIC_0000001.jpg': bytes(2**20)})
    with pytest.raises(InputError, match=r'unpacks from \d+ to 1048576 bytes'):
        listed(tmp_path)


def test_text_that_shrinks_well_is_no_bomb(tmp_path: Path) -> None:
    text = 'image_id,melanoma\n' + ''.join(f'ISIC_{n:07d},0.0\n' for n in range(5000))
    write_zip(tmp_path / 'labels.zip', {'labels.csv': text.encode()})
    (file,) = listed(tmp_path).values()
    assert file.read() == text.encode()
    close_zips()


def test_a_member_never_unpacks_to_more_than_it_states(tmp_path: Path) -> None:
    path = write_zip(tmp_path / 'lie.zip', {'a.txt': os.urandom(1000) + bytes(300 * 2**20)})
    data = bytearray(path.read_bytes())
    directory = data.rfind(b'PK\x01\x02')
    for place in (22, directory + 24):
        data[place : place + 4] = (1000).to_bytes(4, 'little')
    path.write_bytes(data)
    (file,) = listed(path).values()
    tracemalloc.start()
    with pytest.raises(zipfile.BadZipFile):
        file.read()
    assert tracemalloc.get_traced_memory()[1] < 2**22
    tracemalloc.stop()
    close_zips()


@pytest.mark.parametrize('field', [(6, 6000), (8, 0x0800)])
def test_a_zip_that_no_reader_understands_is_named(tmp_path: Path, field: tuple) -> None:
    path = write_zip(tmp_path / 'odd.zip', {'\xff'.encode('latin-1').decode('cp437'): b'1'})
    data = bytearray(path.read_bytes())
    directory = data.rfind(b'PK\x01\x02')
    data[directory + field[0] : directory + field[0] + 2] = field[1].to_bytes(2, 'little')
    data[directory + 46] = 0xFF
    path.write_bytes(data)
    with pytest.raises(InputError, match=r'odd\.zip: not a complete zip'):
        listed(path)


def test_what_is_no_file_is_listed_and_cannot_be_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / 'pipe.jpg')
    (tmp_path / 'circle.jpg').symlink_to('circle.jpg')
    (tmp_path / 'endless.jpg').symlink_to('/dev/zero')
    (tmp_path / 'gone.jpg').symlink_to('nothing')
    (tmp_path / 'folder.jpg').mkdir()
    files = listed(tmp_path)
    assert len(files) == 4
    for file in files.values():
        with pytest.raises(OSError):
            file.read()
