import cv2
import numpy as np

from benchmarks import prepare
from benchmarks.images import draw_pairs, lay_out
from isic_mmdet.masks.mask_files import read_mask
from isic_mmdet.prepare.official import prepare as prepare_isic


def test_prepare_and_the_plain_loop_write_the_same_images(tmp_path):
    source = lay_out(draw_pairs(tmp_path / 'drawn', [(800, 1000), (300, 400)]), 3, tmp_path / 'set')
    prepare_isic(2017, [source], tmp_path / 'prepared', classes='lesion', resize='max-side=200')
    looped = tmp_path / 'looped'
    looped.mkdir()
    prepare.plain_loop(str(source), str(looped), 'max-side=200', 'gray')
    for number, size in enumerate([(160, 200), (150, 200), (160, 200)]):
        name = f'ISIC_{number:07d}.jpg'
        ours, plain = (
            cv2.imread(str(folder / name)) for folder in (tmp_path / 'prepared/images', looped)
        )
        assert ours.shape == plain.shape == (*size, 3)
        assert np.abs(ours.astype(int) - plain).mean() < 3
        assert read_mask(looped / f'{name[:-4]}_segmentation.png').shape == size
