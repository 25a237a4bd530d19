import os
import shutil
import zipfile
from pathlib import Path

import pytest

from isic_mmdet.deploy.predict import mask_names
from isic_mmdet.deploy.predict.inputs import find_images
from isic_mmdet.errors import InputError


def make_files(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    images = ('a.jpg', 'sub/b.PNG', 'c.tiff')
    others = ('a_segmentation.png', 'b_superpixels.png', 'LICENSE.txt', 'notes.csv', '.hidden.jpg')
    return make_files(tmp_path / 'images', *images, *others, 'out/overlays/d.jpg')


def found(folder: Path, *inputs: object) -> dict[str, str]:
    files = find_images([str(text) for text in inputs], folder / 'out').files
    return {name: file.name for name, file in files.items()}


@pytest.mark.parametrize(
    ('text', 'expected'),
    [
        ('', {'a': 'a.jpg', 'sub/b': 'b.PNG', 'c': 'c.tiff'}),
        ('sub/b.PNG', {'b': 'b.PNG'}),
        ('a*', {'a': 'a.jpg', 'a_segmentation': 'a_segmentation.png'}),
        ('**/*.PNG', {'sub/b': 'b.PNG'}),
    ],
    ids=['folder', 'file', 'glob', 'recursive glob'],
)
def test_an_input_gives_its_images(folder, text, expected):
    assert found(folder, folder / text) == expected


def test_a_zip_gives_its_images(folder, tmp_path):
    with zipfile.ZipFile(tmp_path / 'set.zip', 'w') as archive:
        archive.writestr('Set/x.jpg', b'pixels')
        archive.writestr('Set/x_superpixels.png', b'')
    files = find_images([str(tmp_path / 'set.zip')], folder).files
    assert {name: file.read() for name, file in files.items()} == {'x': b'pixels'}


def test_a_list_is_relative_to_its_own_folder(folder):
    listed = folder / 'set.txt'
    listed.write_text(f'a.jpg\n\nsub/b.PNG\n{folder / "c.tiff"}\ngone.jpg\n')
    assert list(found(folder, listed)) == ['a', 'sub/b', 'c', 'gone']


def test_an_image_named_twice_counts_once(folder, monkeypatch):
    monkeypatch.chdir(folder)
    assert set(found(folder, 'a.jpg', folder / 'a.jpg', folder)) == {'a', 'sub/b', 'c'}


def test_each_link_to_a_file_is_an_image(folder):
    (folder / 'first.jpg').symlink_to('a.jpg')
    (folder / 'second.jpg').symlink_to('a.jpg')
    assert set(found(folder, folder)) == {'a', 'first', 'second', 'sub/b', 'c'}


def test_all_errors_are_reported_at_once(folder):
    (folder / 'sub/b.avif').touch()
    (folder / 'gone.jpg').symlink_to('nowhere')
    os.mkfifo(folder / 'pipe.jpg')
    (folder / 'empty').mkdir()
    (folder / 'set.zip').write_bytes(b'PK')
    expected = {
        'nowhere': 'no such file or folder',
        folder / '*.webp': 'no image is there',
        folder / 'empty': 'no image is there',
        folder / 'gone.jpg': 'no such file or folder',
        folder / 'out': 'it is in --out, the folder for the results',
        folder / 'pipe.jpg': 'no image is there',
        folder / 'sub/b.avif': r'\.avif is not read: convert',
        folder / 'set.zip': 'not a complete zip',
        's3://bucket/a.jpg': 'a URL; download it',
        '~nobody-at-all/x': 'cannot be read',
    }
    with pytest.raises(InputError) as error:
        found(folder, *expected)
    assert len(error.value.errors) == len(expected)
    for name, problem in expected.items():
        assert error.match(f'{name}: {problem}'.replace('*', r'\*'))


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


def test_circular_links_are_images_that_cannot_be_read(folder):
    (folder / 'circle.jpg').symlink_to('circle.jpg')
    files = find_images([str(folder)], folder / 'out').files
    with pytest.raises(OSError):
        files['circle'].read()


def test_masks_have_the_subfolders_of_the_images(tmp_path):
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
    for folder in (left, right):
        shutil.make_archive(str(tmp_path / folder.name), 'zip', folder)
    listed = tmp_path / 'list.txt'
    listed.write_text(f'left/x/1.jpg\n{right / "x/1.jpg"}\n')
    for inputs, names in (
        ((left, right), {'left/x/1', 'left/2', 'right/x/1'}),
        ((left / 'x/1.jpg', right / 'x/1.jpg'), {'left/x/1', 'right/x/1'}),
        # The zip of the right one holds a single folder.
        ((tmp_path / 'left.zip', tmp_path / 'right.zip'), {'x/1', '2', '1'}),
        ((listed,), {'left/x/1', 'right/x/1'}),
    ):
        assert set(found(tmp_path, *inputs)) == names


def test_images_that_differ_by_ending_or_case_alone_have_masks_of_their_own(tmp_path):
    names = {'1.jpg': '1.jpg', '1.png': '1.png', '2': '2.jpg', 'A': 'A.jpg', 'a': 'a.jpg'}
    folder = make_files(tmp_path / 'photos', *names.values())
    assert found(tmp_path, folder) == names
    make_files(folder, '1.jpg.png')  # without its ending it has the name of another one's mask
    assert found(tmp_path, folder) == {**names, '1.jpg.png': '1.jpg.png'}


def test_where_case_does_not_count_such_images_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(mask_names, 'ignores_case', lambda folder: True)
    folder = make_files(tmp_path / 'photos', 'A.jpg', 'a.jpg', 'b.JPG', 'B.png')
    with pytest.raises(InputError, match='would share the mask of A') as error:
        found(tmp_path, folder)
    assert len(error.value.errors) == 1


def test_formats_that_are_not_read_are_counted_and_listed(tmp_path):
    folder = make_files(
        tmp_path / 'photos',
        *('1.jpg', 'x/2.AVIF', '3.avif', 'slide.dcm', 'turn.gif', 'more.zip'),
        *('notes.csv', 'a.json', 'Thumbs.db', 'README', 'clip.txt', '.DS_Store'),
    )
    for name, content in (
        ('IM0001', bytes(128) + b'DICM' + bytes(200)),
        ('1.2.840.11', bytes(128) + b'DICM' + bytes(200)),
        ('scan', b'\x89PNG\r\n\x1a\n' + bytes(9)),
    ):
        (folder / name).write_bytes(content)
    for text in (folder, folder / '**/*'):
        files, skipped = find_images([str(text)], tmp_path / 'out')
        assert set(files) == {'1'}
        for part in (
            *('8 files in formats', '2 .avif (3.avif, 2.AVIF; convert to JPEG', '3 .dcm ('),
            *('1 .gif (turn.gif', '1 .zip (more.zip; name it as', '1 without an ending'),
        ):
            assert part in skipped


def test_a_folder_of_other_formats_alone_is_an_error(tmp_path):
    folder = make_files(tmp_path / 'photos', '1.avif', 'notes.csv')
    with pytest.raises(InputError, match=r'no image is there that can be read; 1 file .*1\.avif'):
        found(tmp_path, folder)


@pytest.mark.parametrize(
    ('name', 'message'),
    [
        *[(f'1.{ending}', 'is not read: ') for ending in ('avif', 'dcm', 'gif', 'NEF', 'pdf')],
        *[(f'{scheme}://a.org/1', 'a URL; download it') for scheme in ('http', 'HTTPS', 'file')],
    ],
)
def test_a_file_that_is_named_and_not_read_is_an_error(tmp_path, name, message):
    if '://' not in name:
        make_files(tmp_path, name)
    (tmp_path / 'list.txt').write_text(f'{name}\n')
    for text in (name if '://' in name else tmp_path / name, tmp_path / 'list.txt'):
        with pytest.raises(InputError, match=f'{name}: .*{message}'):
            found(tmp_path, text)


def test_a_folder_with_the_ending_of_an_image_is_a_folder(tmp_path):
    make_files(tmp_path / 'set.jpg', '1.png')
    assert set(found(tmp_path, tmp_path / 'set.jpg')) == {'1'}
    assert set(found(tmp_path, tmp_path)) == {'set.jpg/1'}
