import zipfile
from pathlib import Path

import pytest

from isic_mmdet.errors import InputError
from isic_mmdet.inference.inputs import find_images


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
    files = find_images([str(text) for text in inputs], folder / 'out')
    return {name: file.name for name, file in files.items()}


def test_a_folder_gives_its_images_and_nothing_that_was_predicted(folder):
    assert found(folder, folder) == {'a': 'a.jpg', 'b': 'b.PNG', 'c': 'c.tiff'}


def test_a_zip_gives_its_images(folder, tmp_path):
    with zipfile.ZipFile(tmp_path / 'set.zip', 'w') as archive:
        archive.writestr('Set/x.jpg', b'pixels')
        archive.writestr('Set/x_superpixels.png', b'')
    files = find_images([str(tmp_path / 'set.zip')], folder)
    assert files['x'].read() == b'pixels'
    assert len(files) == 1


def test_files_and_globs_are_taken_as_named(folder):
    assert found(folder, folder / 'sub/b.PNG') == {'b': 'b.PNG'}
    assert found(folder, folder / 'a*') == {'a': 'a.jpg', 'a_segmentation': 'a_segmentation.png'}
    assert found(folder, folder / '**/*.PNG') == {'b': 'b.PNG'}


def test_a_list_counts_from_its_own_folder(folder, tmp_path):
    listed = folder / 'set.txt'
    listed.write_text(f'a.jpg\n\nsub/b.PNG\n{folder / "c.tiff"}\ngone.jpg\n')
    assert list(found(folder, listed)) == ['a', 'b', 'c', 'gone']


def test_an_image_named_twice_counts_once(folder, monkeypatch):
    monkeypatch.chdir(folder)
    assert set(found(folder, 'a.jpg', folder / 'a.jpg', folder)) == {'a', 'b', 'c'}


def test_all_that_is_wrong_comes_at_once(folder):
    (folder / 'sub/a.png').touch()
    with pytest.raises(InputError) as error:
        found(folder, folder, 'nowhere', folder / '*.gif')
    assert len(error.value.faults) == 3
    assert 'would share the mask of a' in str(error.value)
    assert 'nowhere: no image is there' in str(error.value)


@pytest.mark.parametrize(
    'content', [b'\xff\xfea', b'a\0b\n', b'x' * 5000], ids=['encoding', 'zero bytes', 'too long']
)
def test_a_list_that_is_no_text_is_named(folder, content):
    (folder / 'set.txt').write_bytes(content)
    with pytest.raises(InputError, match=r'set\.txt: .*write one path a line'):
        found(folder, folder / 'set.txt')


@pytest.mark.parametrize('name', ['a\udcff.jpg', 'a\nb.jpg', 'x' * 240 + '.jpg', '\u202egpj.jpg'])
def test_a_name_that_no_mask_can_have_is_refused(folder, name):
    (folder / name).touch()
    with pytest.raises(InputError, match='no name for a mask; rename it') as caught:
        found(folder, folder)
    str(caught.value).encode()


def test_names_in_any_script_are_fine(folder):
    (folder / 'Läsion ٣ 🔬.jpg').touch()
    assert 'Läsion ٣ 🔬' in found(folder, folder)


def test_links_in_a_circle_are_images_that_cannot_be_read(folder):
    (folder / 'circle.jpg').symlink_to('circle.jpg')
    files = find_images([str(folder), str(folder / 'circle.jpg')][:1], folder / 'out')
    with pytest.raises(OSError):
        files['circle'].read()


def test_a_home_folder_that_nobody_has_is_named(folder):
    with pytest.raises(InputError, match='~nobody-at-all/x: cannot be looked at'):
        found(folder, '~nobody-at-all/x')
