import shutil
from pathlib import Path

import pytest

from isic_mmdet.errors import InputError
from isic_mmdet.prepare.own.layouts import read_layout
from tests.support.own_files import add_pairs

HAM_MASK = 'HAM10000_segmentations_lesion_tschandl/NAME_segmentation.png'
PH2 = 'PH2Dataset/PH2 Dataset images/NAME/NAME_'


@pytest.fixture
def ham(tmp_path: Path) -> Path:
    add_pairs(tmp_path, 'ISIC_1', 'ISIC_2', image='HAM10000_images_part_1/NAME.jpg', mask=HAM_MASK)
    add_pairs(tmp_path, 'ISIC_3', image='HAM10000_images_part_2/NAME.jpg', mask=HAM_MASK)
    (tmp_path / 'HAM10000_metadata').write_text(
        'lesion_id,image_id,dx,dx_type,age,sex\nHAM_1,ISIC_1,nv,histo,45.0,male\n'
    )
    (tmp_path / 'ISIC2018_Task3_Test_Images').mkdir()
    (tmp_path / 'ISIC2018_Task3_Test_Images/ISIC_9.jpg').write_bytes(b'')
    return tmp_path


@pytest.fixture
def ph2(tmp_path: Path) -> Path:
    names = ['IMD003', 'IMD009']
    image, mask = f'{PH2}Dermoscopic_Image/NAME.bmp', f'{PH2}lesion/NAME_lesion.bmp'
    add_pairs(tmp_path, *names, image=image, mask=mask)
    add_pairs(tmp_path, *names, image=image, mask=f'{PH2}roi/NAME_R1_Label3.bmp')
    (tmp_path / 'PH2Dataset/PH2_dataset.txt').write_text('|| IMD003 ||  ||  2 || 0 ||\n')
    return tmp_path


@pytest.mark.parametrize('zipped', ['', 'folders', 'all'])
def test_ham10000(ham: Path, tmp_path_factory: pytest.TempPathFactory, zipped: str) -> None:
    if zipped == 'folders':
        for folder in [path for path in ham.iterdir() if path.is_dir()]:
            shutil.make_archive(str(folder), 'zip', ham, folder.name)
            shutil.rmtree(folder)
    if zipped == 'all':
        ham = Path(shutil.make_archive(str(tmp_path_factory.mktemp('zip') / 'h'), 'zip', ham))
    found = read_layout('ham10000', ham)
    assert list(found.images.files) == ['ISIC_1', 'ISIC_2', 'ISIC_3']
    assert list(found.masks.files) == [f'ISIC_{n}_segmentation' for n in (1, 2, 3)]
    assert found.patients['ISIC_1'].group == 'HAM_1'


@pytest.mark.parametrize('below', ['', 'PH2Dataset', 'PH2Dataset/PH2 Dataset images'])
def test_ph2(ph2: Path, below: str) -> None:
    found = read_layout('ph2', ph2 / below)
    assert list(found.images.files) == ['IMD003', 'IMD009']
    assert list(found.masks.files) == ['IMD003_lesion', 'IMD009_lesion']
    assert list(found.patients) == ([] if 'images' in below else ['IMD003'])


def test_what_is_missing_is_named(ham: Path) -> None:
    with pytest.raises(InputError, match=r'no images and no masks of ph2 .*IMD003_lesion'):
        read_layout('ph2', ham)
    shutil.rmtree(ham / 'HAM10000_segmentations_lesion_tschandl')
    with pytest.raises(InputError, match='no masks of ham10000 found; it needs'):
        read_layout('ham10000', ham)
    with pytest.raises(InputError, match='correct --layout ph2 SRC'):
        read_layout('ph2', ham / 'nowhere')
