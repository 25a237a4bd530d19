import zipfile
from pathlib import Path

import pytest

from isic_mmdet.errors import InputError
from isic_mmdet.isic.layouts import find_pairs, official_counts, scan
from tests.support.official_files import FOLDERS, Official, isic, jpeg, lesion, picture, png


def splits_found(year: int, *sources: Path) -> dict[str, str]:
    pairs, errors = find_pairs(scan(year, sources))
    assert not errors
    return {isic_id: pair.split for isic_id, pair in pairs.items()}


@pytest.mark.parametrize('year', [2016, 2017, 2018])
def test_folders_zips_and_other_letter_case(tmp_path: Path, year: int) -> None:
    official = Official(tmp_path / 'official', year)
    expected = {}
    for number, split in enumerate(('train', 'val', 'test'), 1):
        if (year, split) in FOLDERS:
            official.add(number, number + 10, split=split)
            expected |= {isic(number): split, isic(number + 10): split}
    assert splits_found(year, official.root) == expected
    assert splits_found(year, *official.root.iterdir()) == expected
    zips = official.zip_up(tmp_path / 'zips')
    before = sorted(zips.iterdir())
    assert splits_found(year, zips) == splits_found(year, *before) == expected
    assert sorted(zips.iterdir()) == before
    for path in list(official.root.glob('*/*')):
        path.rename(path.with_name(path.name.swapcase()))
    for folder in list(official.root.iterdir()):
        folder.rename(folder.with_name(folder.name.lower()))
    assert splits_found(year, official.root) == expected


def test_other_files_are_no_images(tmp_path: Path) -> None:
    official = Official(tmp_path, 2017)
    official.add(1)
    data, truth = (tmp_path / name for name in FOLDERS[2017, 'train'])
    (data / 'ISIC_0000001_superpixels.png').write_bytes(png(lesion()))
    (data / 'ISIC-2017_Training_Data_metadata.csv').write_text('image_id,age_approximate,sex\n')
    (data / 'LICENSE.txt').write_text('CC-0')
    (data / 'ATTRIBUTION.txt').write_text('ISIC')
    (data / '._ISIC_0000001.jpg').write_bytes(b'macOS')
    (truth / '__MACOSX').mkdir()
    (truth / '__MACOSX' / 'ISIC_0000002_segmentation.png').write_bytes(b'macOS')
    (data / 'ISIC_0000001_copy.jpg').write_bytes(jpeg(picture(1)))
    found = scan(2017, [tmp_path])
    assert list(found.images) == list(found.masks) == [isic(1)]
    assert found.unexpected == ['ISIC_0000001_copy.jpg']


@pytest.mark.parametrize('name', ['ISIC_٠٠٠٠٠٠١.jpg', 'IſıC_0000001.jpg', 'ISIC_0000001\udcff.jpg'])
def test_letters_of_other_scripts_make_no_id(tmp_path: Path, name: str) -> None:
    official = Official(tmp_path)
    official.add(1)
    path = official.image_path(1)
    path.with_name(name).write_bytes(path.read_bytes())
    found = scan(2018, [tmp_path])
    assert set(found.images) == {isic(1)}
    (unexpected,) = found.unexpected
    unexpected.encode()


def test_pairs_go_by_id_not_by_order(tmp_path: Path) -> None:
    official = Official(tmp_path)
    official.add(1, 4, mask=b'')
    official.add(2)
    official.add(3, image=b'')
    official.add(4, split='val', image=b'')
    pairs, errors = find_pairs(scan(2018, [tmp_path]))
    assert list(pairs) == [isic(2)]
    assert pairs[isic(2)].image.name == 'ISIC_0000002.jpg'
    assert pairs[isic(2)].mask.name == 'ISIC_0000002_segmentation.png'
    assert [(error.isic_id, error.kind) for error in errors] == [
        (isic(1), 'missing mask'),
        (isic(3), 'missing image'),
        (isic(4), 'mixed parts'),
    ]


def test_the_same_file_in_folder_and_zip_is_found_twice(tmp_path: Path) -> None:
    official = Official(tmp_path / 'raw')
    official.add(1)
    zips = official.zip_up(tmp_path / 'zips')
    pairs, errors = find_pairs(scan(2018, [official.root, zips]))
    assert not pairs
    assert [error.kind for error in errors] == ['found twice']
    assert '.zip:' in errors[0].detail
    # but the same source given twice, once inside the other, is one source
    once = scan(2018, [official.root, official.root / FOLDERS[2018, 'train'][0]])
    assert len(once.images[isic(1)]) == 1


def test_the_innermost_official_folder_counts(tmp_path: Path) -> None:
    official = Official(tmp_path / FOLDERS[2018, 'test'][0])
    official.add(1)
    assert splits_found(2018, tmp_path) == {isic(1): 'train'}


def test_first_publication_of_the_2017_test_files(tmp_path: Path) -> None:
    official = Official(tmp_path, 2017)
    official.add(1, split='test')
    for folder in list(tmp_path.iterdir()):
        folder.rename(folder.with_name(folder.name.replace('_v2', '')))
    assert splits_found(2017, tmp_path) == {isic(1): 'test'}


def test_wrong_year_is_named(tmp_path: Path) -> None:
    Official(tmp_path, 2017).add(1)
    with pytest.raises(InputError, match='files of 2017: wrong year') as caught:
        scan(2018, [tmp_path])
    assert 'ISIC2018_Task1-2_Training_Input' in str(caught.value)


def test_zips_of_other_things_are_left_alone(tmp_path: Path) -> None:
    Official(tmp_path).add(1)
    (tmp_path / 'holiday.zip').write_bytes(b'not even a zip')
    with zipfile.ZipFile(tmp_path / 'ISIC2018_Task3_Training_Input.zip', 'w') as archive:
        archive.writestr('ISIC2018_Task3_Training_Input/ISIC_0000009.jpg', b'another task')
    assert splits_found(2018, tmp_path) == {isic(1): 'train'}


def test_published_counts() -> None:
    assert official_counts(2016) == {'train': 900, 'test': 379}
    assert official_counts(2017) == {'train': 2000, 'val': 150, 'test': 600}
    assert official_counts(2018) == {'train': 2594, 'val': 100, 'test': 1000}
