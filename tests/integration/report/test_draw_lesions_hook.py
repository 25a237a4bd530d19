"""Images of a test, through a real Runner."""

import cv2
import numpy as np
import pytest

from isic_mmdet.errors import InputError
from isic_mmdet.masks.drawing import PREDICTION, TRUTH

HEIGHT, WIDTH = 512, 683  # at which an image of 60 x 80 is shown
LEFT, RIGHT = slice(0, WIDTH), slice(-WIDTH, None)


def drawn_columns(drawn_image: np.ndarray, half: slice, color: tuple[int, int, int]) -> np.ndarray:
    """Return the columns of one half that have a contour color, in pixels of the image."""
    strip = drawn_image[40:-40, half].astype(int)
    near = np.abs(strip - color).max(axis=2) < 40
    return np.flatnonzero(near.any(axis=0)) * 80 / WIDTH


@pytest.fixture
def tested(make_runner, tmp_path):
    """Return a function that tests, and returns the drawn images."""

    def test(limit=None, **settings):
        folder = tmp_path / 'drawn'
        hook = {'type': 'DrawLesionsHook', 'show_dir': str(folder), 'limit': limit}
        make_runner([hook], **settings).test()
        return sorted(folder.glob('*'))

    return test


def test_every_image_is_drawn_with_truth_and_top_detection(tested):
    paths = tested()
    assert [path.name for path in paths] == [f'ISIC_900000{n}.jpg' for n in range(5)]
    for path, shift in zip(paths, (0, 4, 8, 12, None), strict=True):
        drawn_image = cv2.imread(str(path))
        assert drawn_image.shape == (HEIGHT + 2 * 39, 2 * WIDTH + 8, 3)
        truth = drawn_columns(drawn_image, LEFT, TRUTH.color)
        assert (truth.min(), truth.max()) == pytest.approx((20, 40), abs=0.8)
        assert drawn_columns(drawn_image, LEFT, PREDICTION.color).size == 0
        prediction = drawn_columns(drawn_image, RIGHT, PREDICTION.color)
        if shift is None:
            assert prediction.size == 0
        else:
            shifted = (20 + shift, 40 + shift)
            assert (prediction.min(), prediction.max()) == pytest.approx(shifted, abs=0.8)


@pytest.fixture
def drawn(monkeypatch):
    """The images that the hook draws, by the name of the panel."""
    calls = {'lesion_panel': [], 'diagnosis_panel': []}
    for name, images in calls.items():

        def spy(image, images=images):
            images.append(image)
            return np.zeros((8, 8, 3), np.uint8)

        monkeypatch.setattr(f'isic_mmdet.report.draw_lesions_hook.{name}', spy)
    return calls


EXPECTED_IOUS = [(20 - shift) / (20 + shift) for shift in (0, 4, 8, 12)] + [0]


def test_scores_and_iou_shown_are_those_of_the_metric(tested, drawn):
    tested()
    images = drawn['lesion_panel']
    assert [image.score for image in images] == [0.75, 0.75, 0.75, 0.75, None]
    assert [image.iou for image in images] == pytest.approx(EXPECTED_IOUS)
    assert images[1].name == 'ISIC_9000001'


def test_several_classes_are_drawn_with_box_and_class(tested, drawn):
    tested(classes=('benign', 'melanoma'))
    *found, missed = drawn['diagnosis_panel']
    assert [image.iou for image in (*found, missed)] == pytest.approx(EXPECTED_IOUS)
    for image in found:
        assert (image.label, image.predicted_label, image.score) == ('melanoma', 'benign', 0.75)
        assert (image.truth.shape, image.prediction.shape) == ((120, 160), (60, 80))
        assert image.box.shape == (4,)
    assert missed.label == 'melanoma'
    assert missed.prediction is missed.box is missed.predicted_label is missed.score is None


def test_panels_of_several_classes_are_written(tested):
    paths = tested(classes=('benign', 'melanoma'))
    for path in paths:
        assert cv2.imread(str(path)).shape[1] == 4 * 512 + 3 * 6


@pytest.mark.parametrize(('limit', 'number'), [(0, 0), (3, 3), (9, 5)])
def test_limit_counts_images_over_batches(tested, limit, number):
    assert len(tested(limit)) == number


def test_unreadable_image_is_named(make_runner, tmp_path):
    hook = {'type': 'DrawLesionsHook', 'show_dir': str(tmp_path / 'drawn')}
    runner = make_runner([hook])
    image = tmp_path / 'squares' / 'images' / 'ISIC_9000002.png'
    image.write_bytes(b'not an image')
    with pytest.raises(InputError, match='ISIC_9000002'):
        runner.test()
