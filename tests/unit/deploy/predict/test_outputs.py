import numpy as np

from isic_mmdet.deploy.predict.outputs import HEIGHT, overlay, shown_image
from isic_mmdet.deploy.segmentation import Segmentation
from isic_mmdet.masks.drawing import PREDICTION
from isic_mmdet.masks.paste import BoxCells


def lesion(label: str | None = 'lesion') -> Segmentation:
    found = BoxCells(np.ones((28, 28), np.float32), (500.0, 600.0, 1500.0, 1500.0))
    return Segmentation((3000, 2000), (found,) if label else (), 1, 0.5, 0.5, label, None)


def test_large_images_are_shown_small_and_small_ones_as_they_are():
    assert shown_image(np.zeros((3000, 2000, 3), np.uint8)).shape == (HEIGHT, 683, 3)
    small = np.zeros((30, 20, 3), np.uint8)
    small[..., 0] = 200
    assert shown_image(small).shape == small.shape
    assert shown_image(small)[0, 0].tolist() == [0, 0, 200]  # red, as BGR


def test_the_outline_runs_along_the_mask():
    shown = np.full((1000, 667, 3), 128, np.uint8)
    picture = overlay(shown.copy(), lesion(), 'ISIC_1')
    body = picture[picture.shape[0] - 1000 :]
    rows, columns = np.nonzero((body == PREDICTION.color).all(axis=2))
    assert abs(rows.min() - 200) < 6 and abs(rows.max() - 500) < 6
    assert abs(columns.min() - 167) < 6 and abs(columns.max() - 500) < 6
    assert (body[250:450, 200:450] == 128).all()
    assert picture.shape[0] > 1000  # the line of text


def test_no_detection_is_written():
    shown = np.full((1000, 667, 3), 128, np.uint8)
    picture = overlay(shown.copy(), lesion(None), 'ISIC_1')
    text = picture.shape[0] - 1000
    assert (picture[text:] == 128).all()
    assert not np.array_equal(picture[:text], overlay(shown.copy(), lesion(), 'ISIC_1')[:text])
