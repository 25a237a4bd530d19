"""Four pictures of one image: boxes, masks and words where they belong."""

import cv2
import numpy as np
import pytest

from isic_mmdet.report.diagnosis_panel import diagnosis_panel
from isic_mmdet.report.panels import PREDICTION, TRUTH

SIZE = 200  # of an image and of its picture in the panel
GAP = SIZE // 64
HEADER = 2 * 18  # two lines of 12 pixels, at one and a half


def block(left: int, top: int, right: int, bottom: int, size: int = SIZE) -> np.ndarray:
    mask = np.zeros((size, size), np.uint8)
    mask[top:bottom, left:right] = 1
    return mask


def panel(**changes) -> np.ndarray:
    arguments = dict(
        image=np.full((SIZE, SIZE, 3), (150, 170, 220), np.uint8),
        truth=block(40, 60, 120, 140),
        label='melanoma',
        prediction=block(60, 60, 140, 140),
        box=np.array([58.0, 50.0, 150.0, 144.0]),
        predicted_label='benign',
        score=0.9,
        iou=0.6,
        height=SIZE,
        name='ISIC_0000001',
    )
    return diagnosis_panel(**arguments | changes)


def pictures(drawn: np.ndarray) -> list[np.ndarray]:
    return [drawn[HEADER:, n * (SIZE + GAP) :][:, :SIZE] for n in range(4)]


def headers(drawn: np.ndarray) -> list[np.ndarray]:
    return [drawn[:HEADER, n * (SIZE + GAP) :][:, :SIZE] for n in range(4)]


def extent(picture: np.ndarray, color: tuple[int, int, int]) -> list[int]:
    """Return x1, y1, x2, y2 of the pixels of exactly this color."""
    rows, columns = np.nonzero((picture == color).all(axis=2))
    return [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]


def has(picture: np.ndarray, color: tuple[int, int, int]) -> bool:
    return bool((picture == color).all(axis=2).any())


def test_boxes_lie_where_they_should():
    true_image, _, found_image, _ = pictures(panel())
    assert extent(true_image, TRUTH.color) == pytest.approx([40, 60, 120, 140], abs=2)
    assert extent(found_image, PREDICTION.color) == pytest.approx([58, 50, 150, 144], abs=2)
    assert not has(true_image, PREDICTION.color)
    assert not has(found_image, TRUTH.color)


def test_masks_are_filled_and_the_true_border_is_repeated():
    _, true_mask, _, found_mask = pictures(panel())
    assert extent(true_mask, TRUTH.color) == [40, 60, 120, 140]
    assert (true_mask == TRUTH.color).all(axis=2).sum() == 80 * 80
    assert not has(true_mask, PREDICTION.color)
    assert (found_mask[70:130, 130] == PREDICTION.color).all()
    assert extent(found_mask, TRUTH.color) == pytest.approx([40, 60, 120, 140], abs=2)


def test_masks_and_boxes_follow_the_size_of_the_picture():
    double = panel(image=np.zeros((2 * SIZE, 2 * SIZE, 3), np.uint8))  # shown at half its size
    _, true_mask, found_image, found_mask = pictures(double)
    assert extent(true_mask, TRUTH.color) == [40, 60, 120, 140]
    assert has(found_mask, PREDICTION.color)
    assert extent(found_image, PREDICTION.color) == pytest.approx([29, 25, 75, 72], abs=2)


def test_box_at_the_border_stays_in_sight():
    everything = panel(truth=block(0, 0, SIZE, SIZE), box=np.array([-3.0, 0.0, SIZE + 2, SIZE]))
    for picture, style in zip(pictures(everything)[::2], (TRUTH, PREDICTION), strict=True):
        for line in (picture[:5], picture[-5:], picture[:, :5], picture[:, -5:]):
            assert (line == style.color).all(axis=2).sum() > 0.9 * SIZE


def test_missed_lesion_shows_no_prediction():
    missed = panel(prediction=None, box=None, predicted_label=None, score=None, iou=0.0)
    assert missed.shape == panel().shape
    _, true_mask, found_image, found_mask = pictures(missed)
    assert has(true_mask, TRUTH.color)
    assert has(found_mask, TRUTH.color)
    assert not has(found_image, PREDICTION.color)
    assert not has(found_mask, PREDICTION.color)


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
    before, after = headers(panel()), headers(panel(**changes))
    assert [bool((b != a).any()) for b, a in zip(before, after, strict=True)] == [
        n == where for n in range(4)
    ]


def test_empty_truth_has_no_box():
    true_image, true_mask, _, _ = pictures(panel(truth=block(0, 0, 0, 0)))
    assert not has(true_image, TRUTH.color)
    assert true_mask.max() == 0


def test_inputs_are_left_alone():
    image = np.full((SIZE, SIZE, 3), 90, np.uint8)
    truth, box = block(40, 60, 120, 140), np.array([1.0, 2.0, 30.0, 40.0])
    panel(image=image, truth=truth, box=box)
    assert (image == 90).all()
    np.testing.assert_array_equal(truth, block(40, 60, 120, 140))
    np.testing.assert_array_equal(box, [1, 2, 30, 40])


def test_other_shapes_keep_their_proportions():
    drawn = panel(image=cv2.resize(np.zeros((1, 1, 3), np.uint8), (300, 150)))
    assert drawn.shape == (HEADER + SIZE, 4 * 2 * SIZE + 3 * GAP, 3)
