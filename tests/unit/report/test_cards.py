"""One image with its contour and two lines of text."""

import cv2
import numpy as np
import pytest

from isic_mmdet.report.cards import card, write_png
from isic_mmdet.report.panels import TRUTH

HEIGHT = 200
HEADER = 2 * 24  # two lines of 16 pixels, at one and a half


def disc(radius=30) -> np.ndarray:
    return cv2.circle(np.zeros((100, 100), np.uint8), (50, 50), radius, 1, -1)


def test_contour_lies_on_the_border_of_the_mask():
    drawn = card(np.full((100, 100, 3), 90, np.uint8), disc(), 'ISIC_0000001', 'benign', HEIGHT)
    assert drawn.shape == (HEADER + HEIGHT, HEIGHT, 3)
    found = np.argwhere((drawn[HEADER:] == TRUTH.color).all(axis=2))
    assert len(found) > 200
    assert np.abs(np.hypot(*(found - HEIGHT / 2).T) - 60).max() < 4


def test_both_lines_are_written():
    plain = card(np.zeros((100, 100, 3), np.uint8), disc(), '', '', HEIGHT)
    titled = card(np.zeros((100, 100, 3), np.uint8), disc(), 'ISIC_0000001', '', HEIGHT)
    noted = card(np.zeros((100, 100, 3), np.uint8), disc(), '', '640 x 480 px', HEIGHT)
    for drawn, rows in ((titled, slice(0, 24)), (noted, slice(24, 48))):
        changed = (drawn != plain).any(axis=(1, 2))
        assert changed[rows].any()
        assert not np.delete(changed, np.arange(48)[rows]).any()


def test_float_images_are_rounded_and_cut_off_and_left_alone():
    image = np.full((HEIGHT, HEIGHT, 3), 100.6, np.float32)
    image[:, :50] = -20
    image[:, -50:] = 300
    drawn = card(image, np.zeros((100, 100)), '', '', HEIGHT)[HEADER:]
    for column, value in ((20, 0), (100, 101), (180, 255)):
        assert (drawn[:, column] == value).all()
    assert image.max() == 300


@pytest.mark.parametrize('shape', [(80, 100), (400, 300)])
def test_images_keep_their_shape(shape):
    drawn = card(np.zeros((*shape, 3), np.uint8), disc(), '', '', HEIGHT)
    assert drawn.shape[1] == round(shape[1] * HEIGHT / shape[0])


def test_png_is_written_without_loss(tmp_path):
    image = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)
    write_png(tmp_path / 'new' / 'sheet.png', image)
    np.testing.assert_array_equal(cv2.imread(str(tmp_path / 'new' / 'sheet.png')), image)
