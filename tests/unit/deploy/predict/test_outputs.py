import numpy as np

from isic_mmdet.deploy.predict.outputs import HEIGHT, overlay, shown_image
from isic_mmdet.deploy.segmentation import Segmentation
from isic_mmdet.masks.drawing import PREDICTION
from isic_mmdet.masks.paste import BoxCells


def drawn(label: str | None) -> tuple[np.ndarray, np.ndarray]:
    """Return the line of text and the image below, with a lesion in a corner if it has a label."""
    found = BoxCells(np.ones((28, 28), np.float32), (500.0, 600.0, 1500.0, 1500.0))
    views = (found,) if label else ()
    lesion = Segmentation((3000, 2000), views, 1, 0.5, 0.5, label, None)
    image = overlay(np.full((1000, 667, 3), 128, np.uint8), lesion, 'ISIC_1')
    return image[:-1000], image[-1000:]


def test_large_images_are_shown_small_and_small_ones_as_they_are():
    assert shown_image(np.zeros((3000, 2000, 3), np.uint8)).shape == (HEIGHT, 683, 3)
    small = np.zeros((30, 20, 3), np.uint8)
    small[..., 0] = 200
    assert shown_image(small).shape == small.shape
    assert shown_image(small)[0, 0].tolist() == [0, 0, 200]  # red, as BGR


def test_the_outline_runs_along_the_mask():
    text, body = drawn('lesion')
    rows, columns = np.nonzero((body == PREDICTION.color).all(axis=2))
    assert abs(rows.min() - 200) < 6 and abs(rows.max() - 500) < 6
    assert abs(columns.min() - 167) < 6 and abs(columns.max() - 500) < 6
    assert (body[250:450, 200:450] == 128).all()
    assert text.size > 0


def test_no_detection_is_written():
    text, body = drawn(None)
    assert (body == 128).all()
    assert not np.array_equal(text, drawn('lesion')[0])
