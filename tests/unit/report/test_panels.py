"""Image panels: what is drawn where, in which color."""

import cv2
import numpy as np
import pytest

from isic_mmdet.masks.drawing import BACKGROUND, PREDICTION, TRUTH
from isic_mmdet.report.panels import ScoredImage, card, contact_sheet, diagnosis_panel, lesion_panel

SIZE = 200  # height of the shown images
GAP = SIZE // 64
LINE = 18  # a line of text of 12 pixels
CARD_HEADER = 2 * 24


def disc(radius: int) -> np.ndarray:
    return cv2.circle(np.zeros((100, 100), np.uint8), (50, 50), radius, 1, -1) > 0


def block(left: int, top: int, right: int, bottom: int) -> np.ndarray:
    mask = np.zeros((SIZE, SIZE), np.uint8)
    mask[top:bottom, left:right] = 1
    return mask


def skin(height: int = 100, width: int = 100) -> np.ndarray:
    return np.full((height, width, 3), (150, 170, 220), np.uint8)


LESION = ScoredImage(
    skin(), disc(30), iou=0.44, name='ISIC_0000001', prediction=disc(20), score=0.9
)
DIAGNOSIS = ScoredImage(
    skin(SIZE, SIZE),
    block(40, 60, 120, 140),
    iou=0.6,
    name='ISIC_0000001',
    label='melanoma',
    prediction=block(60, 60, 140, 140),
    score=0.9,
    box=np.array([58.0, 50.0, 150.0, 144.0]),
    predicted_label='benign',
)
NO_DETECTION = dict(prediction=None, box=None, predicted_label=None, score=None, iou=0.0)


def lesion(**changes) -> np.ndarray:
    return lesion_panel(LESION._replace(**changes), SIZE)


def diagnosis(**changes) -> np.ndarray:
    return diagnosis_panel(DIAGNOSIS._replace(**changes), SIZE)


def parts(panel: np.ndarray, number: int, header: int) -> tuple[list, list]:
    """Return headers and images of a panel of square images."""
    columns = [panel[:, n * (SIZE + GAP) :][:, :SIZE] for n in range(number)]
    return [c[:header] for c in columns], [c[header : header + SIZE] for c in columns]


def count(image: np.ndarray, color: tuple[int, int, int]) -> int:
    return int((image == color).all(axis=2).sum())


def extent(image: np.ndarray, color: tuple[int, int, int]) -> list[int]:
    """Return x1, y1, x2, y2 of the pixels of exactly this color."""
    rows, columns = np.nonzero((image == color).all(axis=2))
    return [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]


def test_lesion_panel_has_the_truth_on_both_sides_and_the_prediction_right():
    _, (left, right) = parts(lesion(), 2, LINE)
    assert count(left, PREDICTION.color) == 0
    assert count(left, TRUTH.color) > count(right, TRUTH.color) > 50
    assert extent(left, TRUTH.color) == pytest.approx([40, 40, 160, 160], abs=4)
    assert extent(right, PREDICTION.color) == pytest.approx([60, 60, 140, 140], abs=4)


def test_lesion_panel_has_text_in_header_and_legend():
    panel = lesion()
    for strip in (panel[:LINE], panel[-LINE:]):
        for half in (strip[:, :SIZE], strip[:, SIZE:]):
            assert (half.max(axis=2) > 150).sum() > 50
    assert (lesion(name='')[:LINE, :SIZE] == BACKGROUND).all()
    missed = lesion(**NO_DETECTION)
    assert count(missed, PREDICTION.color) == 0, 'neither in the image nor in the legend'
    assert missed.shape == panel.shape
    assert (missed[:LINE, SIZE:] != lesion(iou=0.0)[:LINE, SIZE:]).any()


@pytest.mark.parametrize('shape', [(50, 80), (1000, 1500)])
def test_panels_have_the_requested_height(shape):
    width = round(shape[1] * SIZE / shape[0])
    panel = lesion(image=skin(*shape))
    assert (panel.shape, panel.dtype) == ((SIZE + 2 * LINE, 2 * width + GAP, 3), np.uint8)
    panel = diagnosis(image=skin(*shape))
    assert panel.shape == (SIZE + 2 * LINE, 4 * width + 3 * GAP, 3)


@pytest.mark.parametrize('draw', [lesion, diagnosis])
def test_inputs_are_not_changed(draw):
    given = dict(
        image=skin(SIZE, SIZE), truth=block(40, 60, 120, 140), prediction=block(9, 9, 70, 70)
    )
    before = {name: array.copy() for name, array in given.items()}
    draw(**given)
    for name, array in given.items():
        np.testing.assert_array_equal(array, before[name])


def test_boxes_and_masks_are_where_they_should_be():
    _, (true_image, true_mask, found_image, found_mask) = parts(diagnosis(), 4, 2 * LINE)
    assert extent(true_image, TRUTH.color) == pytest.approx([40, 60, 120, 140], abs=2)
    assert count(true_image, PREDICTION.color) == count(found_image, TRUTH.color) == 0
    assert extent(found_image, PREDICTION.color) == pytest.approx([58, 50, 150, 144], abs=2)
    assert extent(true_mask, TRUTH.color) == [40, 60, 120, 140]
    assert count(true_mask, TRUTH.color) == 80 * 80
    assert (found_mask[70:130, 130] == PREDICTION.color).all()
    assert extent(found_mask, TRUTH.color) == pytest.approx([40, 60, 120, 140], abs=2)


def test_masks_and_boxes_are_scaled_with_the_image():
    panel = diagnosis(image=skin(2 * SIZE, 2 * SIZE))
    _, (_, true_mask, found_image, found_mask) = parts(panel, 4, 2 * LINE)
    assert extent(true_mask, TRUTH.color) == [40, 60, 120, 140]
    assert count(found_mask, PREDICTION.color)
    assert extent(found_image, PREDICTION.color) == pytest.approx([29, 25, 75, 72], abs=2)


def test_diagnosis_panel_without_detection_or_lesion():
    missed = diagnosis(**NO_DETECTION)
    _, (_, true_mask, found_image, found_mask) = parts(missed, 4, 2 * LINE)
    assert count(true_mask, TRUTH.color) and count(found_mask, TRUTH.color)
    assert count(found_image, PREDICTION.color) == count(found_mask, PREDICTION.color) == 0
    _, (true_image, true_mask, *_) = parts(diagnosis(truth=block(0, 0, 0, 0)), 4, 2 * LINE)
    assert count(true_image, TRUTH.color) == 0 and true_mask.max() == 0


@pytest.mark.parametrize(
    ('changes', 'where'),
    [
        ({'name': 'ISIC_0000002'}, 0),
        ({'label': 'benign'}, 0),
        ({'label': None}, 0),
        ({'iou': 0.7}, 2),
        ({'score': 0.4}, 2),
        ({'predicted_label': 'melanoma'}, 2),
    ],
)
def test_every_fact_changes_its_header_and_no_other(changes, where):
    before, _ = parts(diagnosis(), 4, 2 * LINE)
    after, _ = parts(diagnosis(**changes), 4, 2 * LINE)
    changed = [bool((b != a).any()) for b, a in zip(before, after, strict=True)]
    assert changed == [n == where for n in range(4)]


def test_card_shows_the_contour_under_two_lines_of_text():
    plain = card(skin(), disc(30), '', '', SIZE)
    assert plain.shape == (CARD_HEADER + SIZE, SIZE, 3)
    assert extent(plain[CARD_HEADER:], TRUTH.color) == pytest.approx([40, 40, 160, 160], abs=4)
    for title, note, rows in (('ISIC_0000001', '', slice(0, 24)), ('', '6 x 4', slice(24, 48))):
        changed = (card(skin(), disc(30), title, note, SIZE) != plain).any(axis=(1, 2))
        assert changed[rows].any()
        assert changed.sum() == changed[rows].sum()
    assert card(skin(80, 100), disc(30), '', '', SIZE).shape[1] == SIZE * 100 // 80


def test_card_rounds_and_clips_float_images():
    image = np.full((SIZE, SIZE, 3), 100.6, np.float32)
    image[:, :50], image[:, -50:] = -20, 300
    drawn = card(image, np.zeros((100, 100)), '', '', SIZE)[CARD_HEADER:]
    for column, value in ((20, 0), (100, 101), (180, 255)):
        assert (drawn[:, column] == value).all()
    assert image.max() == 300, 'the input is not changed'


def test_contact_sheet_keeps_order_and_pixels():
    panels = [np.full((20 + 10 * n, 30, 3), 40 * n + 50, np.uint8) for n in range(5)]
    sheet = contact_sheet(panels, columns=2)
    height, width, margin = 60, 30, 4
    assert sheet.shape == (3 * (height + margin) + margin, 2 * (width + margin) + margin, 3)
    for index, each in enumerate(panels):
        row, column = divmod(index, 2)
        top, left = margin + row * (height + margin), margin + column * (width + margin)
        cell = sheet[top : top + height, left : left + width]
        assert (cell == each[0, 0]).all(axis=2).sum() == each[..., 0].size
    assert contact_sheet([skin()], columns=4).shape[1] < 120, 'no wider than its panels'
