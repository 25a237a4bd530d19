"""Contours, boxes and text drawn onto images."""

import cv2
import numpy as np
import pytest

from isic_mmdet.masks.drawing import (
    PREDICTION,
    TRUTH,
    caption,
    draw_box,
    draw_contours,
    resize_to_height,
)

SIZE = 200


def disc(radius: int) -> np.ndarray:
    return cv2.circle(np.zeros((100, 100), np.uint8), (50, 50), radius, 1, -1) > 0


def radii(image: np.ndarray, color: tuple[int, int, int]) -> np.ndarray:
    """Return the distances from the center of the pixels with exactly this color."""
    return np.hypot(*(np.argwhere((image == color).all(axis=2)) - image.shape[0] / 2).T)


@pytest.mark.parametrize('style', [TRUTH, PREDICTION])
@pytest.mark.parametrize('mask', [disc(30), disc(30) * np.uint8(255)])
def test_contour_lies_on_the_border_of_the_mask(style, mask):
    image = np.full((SIZE, SIZE, 3), 127, np.uint8)
    draw_contours(image, mask, style, 2)
    distance = radii(image, style.color)
    assert len(distance) > 200
    assert np.abs(distance - 60).max() < 4


def test_holes_have_a_contour():
    image = np.zeros((SIZE, SIZE, 3), np.uint8)
    draw_contours(image, disc(40) & ~disc(15), PREDICTION, 2)
    distance = radii(image, PREDICTION.color)
    assert (distance < 40).any() and (distance > 70).any()


def test_box_at_the_border_stays_visible():
    image = np.zeros((SIZE, SIZE, 3), np.uint8)
    draw_box(image, np.array([-3.0, 0.0, SIZE + 2, SIZE]), TRUTH, 2)
    for edge in (image[:5], image[-5:], image[:, :5], image[:, -5:]):
        assert (edge == TRUTH.color).all(axis=2).sum() > 0.9 * SIZE


@pytest.mark.parametrize('shape', [(50, 80), (1000, 1500)])
def test_images_keep_their_aspect_ratio(shape):
    shown = resize_to_height(np.zeros((*shape, 3), np.uint8), SIZE)
    assert shown.shape == (SIZE, round(shape[1] * SIZE / shape[0]), 3)


def test_long_text_shrinks_to_fit():
    heights = []
    for line in ('type', 'type ' * 20):
        strip = caption(line, 300, 20)
        assert strip.shape == (30, 300, 3)
        heights.append(np.ptp(np.flatnonzero((strip > 150).any(axis=(1, 2)))))
    assert heights[1] < heights[0]
