"""The pictures that people look at: what is drawn where, in which color."""

import cv2
import numpy as np
import pytest

from isic_mmdet.report.panels import (
    BACKGROUND,
    PREDICTION,
    TRUTH,
    contact_sheet,
    draw_contours,
    lesion_panel,
)

HEIGHT = 200


def disc(size: int = 100, radius: int = 30) -> np.ndarray:
    return cv2.circle(np.zeros((size, size), np.uint8), (size // 2, size // 2), radius, 1, -1) > 0


def skin(height: int = 100, width: int = 100) -> np.ndarray:
    return np.full((height, width, 3), (150, 170, 220), np.uint8)


def pixels(image: np.ndarray, color: tuple[int, int, int]) -> np.ndarray:
    """Return the rows and columns of the pixels of exactly this color, (N, 2)."""
    return np.argwhere((image == color).all(axis=2))


def halves(panel: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the two pictures of a panel of square images, without header and legend."""
    top = round(1.5 * max(12, HEIGHT // 19))
    picture = panel[top : top + HEIGHT]
    return picture[:, :HEIGHT], picture[:, -HEIGHT:]


def panel(**changes) -> np.ndarray:
    arguments = dict(
        image=skin(), truth=disc(radius=30), prediction=disc(radius=20), score=0.9, iou=0.44,
        height=HEIGHT, name='ISIC_0000001',
    )  # fmt: skip
    return lesion_panel(**arguments | changes)


def test_contours_lie_on_the_borders_of_the_masks():
    left, right = halves(panel())
    for picture, style, radius in ((left, TRUTH, 60), (right, PREDICTION, 40)):
        found = pixels(picture, style.color)
        assert len(found) > radius * 4
        distance = np.hypot(*(found - HEIGHT / 2).T)
        assert np.abs(distance - radius).max() < 4


def test_prediction_is_on_the_right_only_and_the_truth_on_both_sides():
    left, right = halves(panel())
    assert len(pixels(left, PREDICTION.color)) == 0
    assert len(pixels(left, TRUTH.color)) > len(pixels(right, TRUTH.color)) > 50


def test_holes_are_drawn():
    ring = disc(radius=40) & ~disc(radius=15)
    _, right = halves(panel(prediction=ring))
    distance = np.hypot(*(pixels(right, PREDICTION.color) - HEIGHT / 2).T)
    assert (distance < 40).any()
    assert (distance > 70).any()


def test_missed_lesion_shows_no_prediction_and_says_so():
    missed = panel(prediction=None, score=None, iou=0.0)
    assert len(pixels(missed, PREDICTION.color)) == 0, 'neither in the picture nor in the legend'
    detected = panel(iou=0.0)
    assert missed.shape == detected.shape
    header = slice(0, 18)
    assert (missed[header, HEIGHT:] != detected[header, HEIGHT:]).any()


def test_header_and_legend_have_text():
    picture = panel()
    header, legend = picture[:18], picture[-18:]
    for strip in (header[:, :HEIGHT], header[:, HEIGHT:], legend[:, :HEIGHT], legend[:, HEIGHT:]):
        assert (strip.max(axis=2) > 150).sum() > 50
    nameless = panel(name='')
    assert (nameless[:18, :HEIGHT] == BACKGROUND).all()


@pytest.mark.parametrize('shape', [(50, 80), (400, 300), (1000, 1500)])
def test_any_size_is_shown_at_the_height_asked_for(shape):
    picture = panel(image=skin(*shape))
    width = round(shape[1] * HEIGHT / shape[0])
    assert picture.shape == (HEIGHT + 2 * 18, 2 * width + HEIGHT // 64, 3)
    assert picture.dtype == np.uint8


def test_line_width_grows_with_the_picture():
    share = []
    for height in (256, 1024):
        image = cv2.resize(skin(), (height, height))
        draw_contours(image, disc(), TRUTH, max(2, round(height / 170)))
        share.append(len(pixels(image, TRUTH.color)) / height**2)
    assert share[1] == pytest.approx(share[0], rel=0.35)


def test_inputs_are_left_alone():
    image, truth, prediction = skin(HEIGHT, HEIGHT), disc(), disc(radius=10)
    before = [array.copy() for array in (image, truth, prediction)]
    panel(image=image, truth=truth, prediction=prediction)
    for array, copy in zip((image, truth, prediction), before, strict=True):
        np.testing.assert_array_equal(array, copy)


def test_masks_of_uint8_and_bool_look_the_same():
    as_bool = panel()
    as_gray = panel(truth=disc(radius=30) * np.uint8(255))
    np.testing.assert_array_equal(as_bool, as_gray)


def test_contact_sheet_keeps_order_and_pixels():
    panels = [np.full((20 + 10 * n, 30, 3), 40 * n + 50, np.uint8) for n in range(5)]
    sheet = contact_sheet(panels, columns=2)
    height, width, margin = 60, 30, 4
    assert sheet.shape == (3 * (height + margin) + margin, 2 * (width + margin) + margin, 3)
    for index, each in enumerate(panels):
        row, column = divmod(index, 2)
        cell = sheet[margin + row * (height + margin) :, margin + column * (width + margin) :][
            :height, :width
        ]
        assert (cell == each[0, 0]).all(axis=2).sum() == each[..., 0].size


def test_contact_sheet_is_no_wider_than_its_panels():
    assert contact_sheet([skin()], columns=4).shape[1] < 120


@pytest.mark.shared_data
def test_real_lesion(shared):
    name = 'ISIC_0000000'
    folder = shared / 'isic2018'
    image = cv2.imread(str(folder / 'ISIC2018_Task1-2_Training_Input' / f'{name}.jpg'))
    mask = cv2.imread(
        str(folder / 'ISIC2018_Task1_Training_GroundTruth' / f'{name}_segmentation.png'), 0
    )
    picture = lesion_panel(image, mask, mask > 128, 0.98, 1.0, height=512, name=name)
    text = round(1.5 * (512 // 19))
    left = picture[text : text + 512, :512]
    # A lesion that leaves the image gets its contour along the edge.
    inside = cv2.erode(mask, np.ones((3, 3)), borderType=cv2.BORDER_CONSTANT, borderValue=0)
    border = mask != inside
    drawn = (left == TRUTH.color).all(axis=2)
    assert drawn[border].mean() > 0.95
    far = cv2.dilate(border.astype(np.uint8), np.ones((9, 9))) == 0
    np.testing.assert_array_equal(left[far], image[far])
