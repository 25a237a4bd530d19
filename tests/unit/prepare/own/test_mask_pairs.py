import zipfile
from pathlib import Path

import pytest

from isic_mmdet.errors import InputError
from isic_mmdet.prepare.own.mask_pairs import OwnImages, pairs_of_folders
from tests.support.own_files import add_pairs


def pairs(folder: Path, masks: str | None = 'masks', suffix: str | None = None) -> OwnImages:
    return pairs_of_folders(folder / 'photos', masks and folder / masks, suffix, None)


def found_masks(own: OwnImages) -> dict[str, str]:
    return {image_id: sample.truth.file.name for image_id, sample in own.samples.items()}


def kinds(own: OwnImages) -> dict[str, str]:
    return {error.isic_id: error.kind for error in own.errors}


@pytest.mark.parametrize(
    ('image', 'mask', 'note'),
    [
        ('photos/NAME.jpg', 'masks/NAME_segmentation.png', ' + `_segmentation`'),
        ('photos/NAME.JPEG', 'masks/NAME_Lesion.PNG', ' + `_lesion`'),
        ('photos/a b/NAME.jpe', 'masks/a b/NAME-mask.png', ' + `-mask`'),
        ('photos/a/NAME.jpg', 'masks/NAME_contour.png', ' + `_contour`'),
        ('photos/NAME.jpg', 'masks/NAME.png', ''),
        ('photos/NAME.jpg', 'photos/masks/NAME.png', ''),
        ('photos/NAME.jpg', 'photos/NAME_mask.png', ' + `_mask`'),
    ],
)
def test_pairs_of_every_layout(tmp_path: Path, image: str, mask: str, note: str) -> None:
    add_pairs(tmp_path, '1', '2', 'x_3', image=image, mask=mask)
    masks = {'masks': 'masks', 'photos': None}[mask.split('/', maxsplit=1)[0]]
    own = pairs(tmp_path, 'photos/masks' if '/masks/' in mask else masks)
    prefix = image.removeprefix('photos/').partition('NAME')[0]
    assert list(own.samples) == [f'{prefix}{name}' for name in ('1', '2', 'x_3')]
    assert (own.errors, own.notes) == ([], [f'3 pairs: mask = image name{note}'])


def test_zips_are_read_in_place(tmp_path: Path) -> None:
    add_pairs(tmp_path, 'a/1', 'b/1')
    for name in ('photos', 'masks'):
        with zipfile.ZipFile(tmp_path / f'{name}.zip', 'w') as archive:
            for path in sorted((tmp_path / name).rglob('*.*')):
                archive.write(path, str(path.relative_to(tmp_path / name)))
    own = pairs_of_folders(tmp_path / 'photos.zip', tmp_path / 'masks.zip', None, None)
    assert list(own.samples) == ['a/1', 'b/1']


def test_every_problem_is_reported_once(tmp_path: Path) -> None:
    add_pairs(tmp_path, '1', '2', '3', '4', '5', '6')
    photos, masks = tmp_path / 'photos', tmp_path / 'masks'
    (masks / '1_mask.png').unlink()
    (photos / '2.jpg').unlink()
    (photos / '3.png').write_bytes(b'')
    (masks / '4_mask.bmp').write_bytes(b'')
    (photos / '5.jpg').rename(photos / '5.heic')
    (masks / 'overview.png').write_bytes(b'')
    (photos / 'Thumbs.db').write_bytes(b'')
    (photos / '7\n.jpg').write_bytes(b'')
    own = pairs(tmp_path)
    assert list(own.samples) == ['6']
    assert kinds(own) == {
        '1': 'missing mask',
        '2': 'missing image',
        '3': 'found twice',
        '4_mask': 'found twice',
        '5': 'unread format',
        r"'7\n'": 'impossible name',
    }
    twice = next(error.detail for error in own.errors if error.isic_id == '3')
    assert '3.jpg' in twice and '3.png' in twice
    assert own.notes == [
        '1 pairs: mask = image name + `_mask`',
        "1 masks do not end with '_mask', skipped: overview",
        '1 files are no images, skipped: Thumbs.db',
    ]


def test_names_that_differ_in_letter_case_alone(tmp_path: Path) -> None:
    add_pairs(tmp_path, 'a', 'b')
    (tmp_path / 'photos/A.jpg').write_bytes(b'')
    own = pairs(tmp_path)
    assert list(own.samples) == ['b']
    assert kinds(own)['A'] == 'found twice'


def test_folders_keep_equal_names_apart(tmp_path: Path) -> None:
    add_pairs(tmp_path, 'a/1', 'b/1')
    assert found_masks(pairs(tmp_path)) == {'a/1': '1_mask.png', 'b/1': '1_mask.png'}
    (tmp_path / 'masks/b/1_mask.png').rename(tmp_path / 'masks/1_mask.png')
    own = pairs(tmp_path)
    assert kinds(own) == {'b/1': 'missing mask', '1': 'missing image'}


def test_links_in_a_circle_end(tmp_path: Path) -> None:
    add_pairs(tmp_path, '1')
    (tmp_path / 'photos/again').symlink_to(tmp_path / 'photos')
    assert list(pairs(tmp_path).samples) == ['1']


def test_sources_without_images(tmp_path: Path) -> None:
    add_pairs(tmp_path, '1')
    with pytest.raises(InputError, match='no such folder or zip; correct --masks'):
        pairs(tmp_path, 'nowhere')
    (tmp_path / 'empty').mkdir()
    with pytest.raises(InputError, match='empty: holds no image'):
        pairs(tmp_path, 'empty')
    (tmp_path / 'bad.zip').write_bytes(b'PK')
    with pytest.raises(InputError, match='not a complete zip'):
        pairs(tmp_path, 'bad.zip')
    with pytest.raises(InputError, match='name the masks with --masks'):
        pairs(tmp_path, None)
    add_pairs(tmp_path, '1', mask='masks/NAME_lesion.png')
    with pytest.raises(InputError, match='--mask-suffix'):
        pairs(tmp_path)
    assert found_masks(pairs(tmp_path, suffix='_lesion')) == {'1': '1_lesion.png'}
