"""Sheets of images with their true contours, to look at a data set. Every image is BGR."""

from pathlib import Path

import cv2
import numpy as np

from isic_mmdet.report.panels import FAINT_TEXT, TEXT, TRUTH, caption, draw_contours, shown_at
from isic_mmdet.utils.files import write_atomically


def card(image: np.ndarray, mask: np.ndarray, title: str, note: str, height: int) -> np.ndarray:
    """Draw one image with the contour of its lesion, under two lines of text.

    Args:
        image: (H, W, 3), of values from 0 to 255; what a transform left outside is cut off.
        mask: (h, w), non-zero is lesion; any size, stretched to the image.
        title: first line.
        note: second line, fainter.
        height: at which the image is shown, in pixels; the text comes on top of it.

    Returns:
        (H', W', 3) uint8.
    """
    picture = shown_at(np.clip(np.round(image), 0, 255).astype(np.uint8), height)
    draw_contours(picture, mask, TRUTH, max(2, round(height / 150)))
    width, text = picture.shape[1], max(16, height // 16)
    lines = [caption(title, width, text, TEXT), caption(note, width, text, FAINT_TEXT)]
    return np.vstack([*lines, picture])


def write_png(path: str | Path, image: np.ndarray) -> None:
    """Write a (H, W, 3) uint8 image, BGR, as PNG, atomically."""
    coded, data = cv2.imencode('.png', image)
    if not coded:
        raise RuntimeError(f'OpenCV cannot encode {path}')
    write_atomically(path, data.tobytes())
