import os
import shutil
import zipfile
from pathlib import Path

import pytest

from isic_mmdet.deploy.predict import mask_names
from isic_mmdet.deploy.predict.inputs import find_images
from isic_mmdet.errors import InputError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    names = [
        'a.jpg',
        'sub/b.PNG',
        'c.tiff',
        'a_segmentation.png',
        'b_superpixels.png',
        'LICENSE.txt',
        'notes.csv',
        '.hidden.jpg',
        'out/overlays/d.jpg',
    ]
    for name in names:
        path = tmp_path / 'images' / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path / 'images'


def found(folder: Path, *inputs: object) -> dict[str, str]:
    files = find_images([str(text) for text in inputs], folder / 'out').files
    return {name: file.name for name, file in files.items()}


def test_a_folder_gives_its_images_and_nothing_that_was_predicted(folder):
    assert found(folder, folder) == {'a': 'a.jpg', 'sub/b': 'b.PNG', 'c': 'c.tiff'}


def test_a_zip_gives_its_images(folder, tmp_path):
    with zipfile.ZipFile(tmp_path / 'set.zip', 'w') as archive:
        archive.writestr('Set/x.jpg', b'pixels')
        archive.writestr('Set/x_superpixels.png', b'')
    files = find_images([str(tmp_path / 'set.zip')], folder).files
    assert files['x'].read() == b'pixels'
    assert len(files) == 1


def test_files_and_globs_are_taken_as_named(folder):
    assert found(folder, folder / 'sub/b.PNG') == {'b': 'b.PNG'}
    assert found(folder, folder / 'a*') == {'a': 'a.jpg', 'a_segmentation': 'a_segmentation.png'}
    assert found(folder, folder / '**/*.PNG') == {'sub/b': 'b.PNG'}


def test_a_list_counts_from_its_own_folder(folder, tmp_path):
    listed = folder / 'set.txt'
    listed.write_text(f'a.jpg\n\nsub/b.PNG\n{folder / "c.tiff"}\ngone.jpg\n')
    assert list(found(folder, listed)) == ['a', 'sub/b', 'c', 'gone']


def test_an_image_named_twice_counts_once(folder, monkeypatch):
    monkeypatch.chdir(folder)
    assert set(found(folder, 'a.jpg', folder / 'a.jpg', folder)) == {'a', 'sub/b', 'c'}


def test_all_that_is_wrong_comes_at_once(folder):
    (folder / 'sub/b.heic').touch()
    with pytest.raises(InputError) as error:
        found(folder, 'nowhere', folder / '*.gif', folder / 'sub/b.heic', 's3://bucket/a.jpg')
    assert len(error.value.errors) == 4
    assert 'nowhere: no image is there' in str(error.value)
    assert '.heic is not read: convert' in str(error.value)
    assert 's3://bucket/a.jpg: a URL; download it' in str(error.value)


@pytest.mark.parametrize(
    'content', [b'\xff\xfea', b'a\0b\n', b'x' * 5000], ids=['encoding', 'zero bytes', 'too long']
)
def test_a_list_that_is_no_text_is_named(folder, content):
    (folder / 'set.txt').write_bytes(content)
    with pytest.raises(InputError, match=r'set\.txt: .*write one path per line'):
        found(folder, folder / 'set.txt')


@pytest.mark.parametrize('name', ['a\udcff.jpg', 'a\nb.jpg', 'x' * 240 + '.jpg', '\u202egpj.jpg'])
def test_a_name_that_no_mask_can_have_is_refused(folder, name):
    (folder / name).touch()
    with pytest.raises(InputError, match='not possible for a mask; rename it') as caught:
        found(folder, folder)
    str(caught.value).encode()


def test_names_in_any_script_are_fine(folder):
    (folder / 'Läsion ٣ 🔬.jpg').touch()
    assert 'Läsion ٣ 🔬' in found(folder, folder)


def test_links_in_a_circle_are_images_that_cannot_be_read(folder):
    (folder / 'circle.jpg').symlink_to('circle.jpg')
    files = find_images([str(folder)], folder / 'out').files
    with pytest.raises(OSError):
        files['circle'].read()


def test_a_home_folder_that_nobody_has_is_named(folder):
    with pytest.raises(InputError, match='~nobody-at-all/x: cannot be read'):
        found(folder, '~nobody-at-all/x')


def make_files(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def test_masks_stand_as_the_images_stand_in_folder_and_zip(tmp_path):
    names = {'a/1', 'b/1', 'b/c/2'}
    folder = make_files(tmp_path / 'photos', *(f'{name}.jpg' for name in names))
    assert set(found(tmp_path, folder)) == names
    assert set(found(tmp_path, folder / '*/1.jpg')) == {'a/1', 'b/1'}
    shutil.make_archive(str(tmp_path / 'set'), 'zip', folder)
    assert set(found(tmp_path, tmp_path / 'set.zip')) == names
    shutil.make_archive(str(tmp_path / 'wrapped'), 'zip', tmp_path, 'photos')
    assert set(found(tmp_path, tmp_path / 'wrapped.zip')) == names


def test_inputs_with_the_same_paths_inside_are_distinguished_by_their_names(tmp_path):
    left = make_files(tmp_path / 'left', 'x/1.jpg', '2.jpg')
    right = make_files(tmp_path / 'right', 'x/1.jpg')
    names = {'left/x/1', 'left/2', 'right/x/1'}
    assert set(found(tmp_path, left, right)) == names
    assert set(found(tmp_path, left / 'x/1.jpg', right / 'x/1.jpg')) == {'left/x/1', 'right/x/1'}
    for folder in (left, right):
        shutil.make_archive(str(tmp_path / folder.name), 'zip', folder)
    # The zip of the right one holds a single folder.
    assert set(found(tmp_path, tmp_path / 'left.zip', tmp_path / 'right.zip')) == {
        'x/1',
        '2',
        '1',
    }
    listed = tmp_path / 'list.txt'
    listed.write_text(f'left/x/1.jpg\n{right / "x/1.jpg"}\n')
    assert set(found(tmp_path, listed)) == {'left/x/1', 'right/x/1'}


def test_images_that_differ_by_ending_or_case_alone_have_masks_of_their_own(tmp_path):
    folder = make_files(tmp_path / 'photos', '1.jpg', '1.png', '2.jpg', 'A.jpg', 'a.jpg')
    assert found(tmp_path, folder) == {
        '1.jpg': '1.jpg',
        '1.png': '1.png',
        '2': '2.jpg',
        'A': 'A.jpg',
        'a': 'a.jpg',
    }
    make_files(folder, '1.jpg.png')  # without its ending it has the name of another one's mask
    assert set(found(tmp_path, folder)) == {'1.jpg', '1.png', '1.jpg.png', '2', 'A', 'a'}


def test_where_case_does_not_count_such_images_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(mask_names, 'ignores_case', lambda folder: True)
    folder = make_files(tmp_path / 'photos', 'A.jpg', 'a.jpg', 'b.JPG', 'B.png')
    with pytest.raises(InputError, match='would share the mask of A') as error:
        found(tmp_path, folder)
    assert len(error.value.errors) == 1


def test_formats_that_are_not_read_are_counted_and_listed(tmp_path):
    folder = make_files(
        tmp_path / 'photos',
        *('1.jpg', 'x/2.HEIC', '3.heic', 'slide.dcm', 'turn.gif', 'more.zip'),
        *('notes.csv', 'a.json', 'Thumbs.db', 'README', 'clip.txt', '.DS_Store'),
    )
    (folder / 'IM0001').write_bytes(bytes(128) + b'DICM' + bytes(200))
    (folder / '1.2.840.11').write_bytes(bytes(128) + b'DICM' + bytes(200))
    (folder / 'scan').write_bytes(b'\x89PNG\r\n\x1a\n' + bytes(9))
    for text in (folder, folder / '**/*'):
        files, skipped = find_images([str(text)], tmp_path / 'out')
        assert set(files) == {'1'}
        assert skipped.count == 8
        assert '2 .heic (3.heic, 2.HEIC; convert to JPEG' in str(skipped)
        assert '3 .dcm (' in str(skipped)
        for part in ('1 .gif (turn.gif', '1 .zip (more.zip; name it as', '1 without an ending'):
            assert part in str(skipped)


def test_a_folder_of_other_formats_alone_is_an_error(tmp_path):
    folder = make_files(tmp_path / 'photos', '1.heic', 'notes.csv')
    with pytest.raises(InputError, match=r'no image is there that can be read; 1 file .*1\.heic'):
        found(tmp_path, folder)


@pytest.mark.parametrize('ending', ['heic', 'dcm', 'jp2', 'avif', 'gif', 'NEF', 'pdf', 'mp4'])
def test_a_file_of_another_format_that_is_named_is_an_error(tmp_path, ending):
    make_files(tmp_path, f'1.{ending}')
    (tmp_path / 'list.txt').write_text(f'1.{ending}\n')
    for name in (f'1.{ending}', 'list.txt'):
        with pytest.raises(InputError, match=rf'1\.{ending}: \.{ending.lower()} is not read: '):
            found(tmp_path, tmp_path / name)


@pytest.mark.parametrize('url', ['http://a.org/1.jpg', 'HTTPS://a.org/x', 'file:///x/1.jpg'])
def test_a_url_is_reported(tmp_path, url):
    (tmp_path / 'list.txt').write_text(f'{url}\n')
    for text in (url, tmp_path / 'list.txt'):
        with pytest.raises(InputError, match='a URL; download it'):
            found(tmp_path, text)


def test_odd_places_get_one_message_each(tmp_path):
    (tmp_path / 'empty').mkdir()
    (tmp_path / 'gone.jpg').symlink_to('nowhere')
    os.mkfifo(tmp_path / 'pipe.jpg')
    inputs = [str(tmp_path / name) for name in ('empty', 'gone.jpg', 'pipe.jpg')]
    with pytest.raises(InputError) as error:
        find_images(inputs, tmp_path / 'out')
    assert [problem.partition(': ')[2][:14] for problem in error.value.errors] == [
        'no image is th',
        'a link to nowh',
        'not a file, bu',
    ]


def test_a_folder_with_the_ending_of_an_image_is_a_folder(tmp_path):
    make_files(tmp_path / 'set.jpg', '1.png')
    assert set(found(tmp_path, tmp_path / 'set.jpg')) == {'1'}
    assert set(found(tmp_path, tmp_path)) == {'set.jpg/1'}
