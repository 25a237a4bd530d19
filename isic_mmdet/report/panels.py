"""Image panels for human readers: masks on images, with scores.

Every image is (H, W, 3) uint8 in the order BGR.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from isic_mmdet.errors import InputError
from isic_mmdet.masks.drawing import (
    BACKGROUND,
    FAINT_TEXT,
    PREDICTION,
    TRUTH,
    LineStyle,
    caption,
    draw_box,
    draw_contours,
    outlined_width,
    put_text,
    resize_to_height,
)
from isic_mmdet.masks.resize import resize_mask

_FLAGS = {
    1: cv2.IMREAD_COLOR,
    2: cv2.IMREAD_REDUCED_COLOR_2,
    4: cv2.IMREAD_REDUCED_COLOR_4,
    8: cv2.IMREAD_REDUCED_COLOR_8,
}


class ScoredImage(NamedTuple):
    """An image with its masks and scores; without a detection, the last four are None."""

    image: np.ndarray
    truth: np.ndarray  # (h, w), non-zero is lesion; stretched to the image
    iou: float  # Jaccard index of the two masks
    name: str = ''  # title, such as the ISIC id
    label: str | None = None  # true class
    prediction: np.ndarray | None = None  # mask, as `truth`
    score: float | None = None  # confidence of the detection in [0, 1]
    box: np.ndarray | None = None  # x1, y1, x2, y2 in pixels of the image
    predicted_label: str | None = None


def read_image(path: str | Path, step: int = 1) -> np.ndarray:
    """Return a prepared image; a step of 2, 4 or 8 divides its size."""
    try:
        image = cv2.imread(str(path), _FLAGS[step]) if Path(path).is_file() else None
    except cv2.error:
        image = None  # the size in its header is above OpenCV's limit
    if image is None:
        raise InputError(f'{path}: missing, or not an image; prepare the data again')
    return image


def lesion_panel(scored: ScoredImage, height: int = 512) -> np.ndarray:
    """Draw one image twice, side by side: with the true contour and with the predicted one.

    The right image repeats the truth as a thin line.

    Args:
        scored: classes and box are not drawn.
        height: of the shown image in pixels, without header and legend.
    """
    left = resize_to_height(scored.image, height)
    right = left.copy()
    width = left.shape[1]
    thick = max(2, round(height / 150))
    thin = max(1, round(thick * 0.6))
    text = max(12, height // 19)

    draw_contours(left, scored.truth, TRUTH, thick)
    draw_contours(right, scored.truth, TRUTH, thin)
    header, legend = f'IoU {scored.iou:.3f}', [(TRUTH, thin)]
    if scored.prediction is None:
        header = f'no detection, {header}'
    else:
        draw_contours(right, scored.prediction, PREDICTION, thick)
        legend.insert(0, (PREDICTION, thick))
        header = f'{header}, score {scored.score:.2f}'
    halves = [
        np.vstack([caption(line, width, text), shown, _legend(entries, width, text)])
        for line, shown, entries in (
            (scored.name, left, [(TRUTH, thick)]),
            (header, right, legend),
        )
    ]
    return _side_by_side(halves, gap=max(2, height // 64))


def diagnosis_panel(scored: ScoredImage, height: int = 384) -> np.ndarray:
    """Draw four images: the image with the true box, the true mask, and both for the prediction.

    The true box is that of the true mask. The fourth image repeats the border of the true mask.

    Args:
        scored: with classes.
        height: of the shown images in pixels, without the two lines of text.
    """
    true_image = resize_to_height(scored.image, height)
    predicted_image = true_image.copy()
    size = true_image.shape[:2]
    width = max(2, round(height / 130))

    lesion = resize_mask(scored.truth > 0, *size)
    if lesion.any():
        x, y, w, h = cv2.boundingRect(lesion.astype(np.uint8))
        draw_box(true_image, np.array([x, y, x + w, y + h]), TRUTH, width)
    if scored.prediction is None or scored.box is None:
        found, predicted_mask = 'no detection', np.zeros((*size, 3), np.uint8)
    else:
        found = f'{scored.predicted_label}, score {scored.score:.2f}'
        predicted_mask = _filled(resize_mask(scored.prediction > 0, *size), PREDICTION)
        box = scored.box * (height / scored.image.shape[0])
        draw_box(predicted_image, box, PREDICTION, width)
    draw_contours(predicted_mask, lesion, TRUTH, max(2, round(0.6 * width)))

    text = max(12, height // 16)
    columns = (
        (true_image, scored.name, f'truth: {scored.label or "unknown"}'),
        (_filled(lesion, TRUTH), '', 'true mask'),
        (predicted_image, f'IoU {scored.iou:.3f}', f'prediction: {found}'),
        (predicted_mask, '', 'predicted mask, true border'),
    )
    quarters = [_titled(shown, first, second, text) for shown, first, second in columns]
    return _side_by_side(quarters, gap=max(2, height // 64))


def card(image: np.ndarray, mask: np.ndarray, title: str, note: str, height: int) -> np.ndarray:
    """Draw one image with the contour of its lesion, under two lines of text.

    Args:
        image: values from 0 to 255, also floats; values outside this range are clipped.
        mask: (h, w), non-zero is lesion; stretched to the image.
        title: first line.
        note: second line, fainter.
        height: of the shown image in pixels, without the text.
    """
    shown = resize_to_height(np.clip(np.round(image), 0, 255).astype(np.uint8), height)
    draw_contours(shown, mask, TRUTH, max(2, round(height / 150)))
    return _titled(shown, title, note, max(16, height // 16))


def contact_sheet(panels: Sequence[np.ndarray], columns: int) -> np.ndarray:
    """Arrange panels in a grid, row by row, each centered in a cell of the largest size."""
    height, width = np.max([panel.shape[:2] for panel in panels], axis=0)
    margin = max(4, height // 40)
    columns = min(columns, len(panels))
    rows = -(-len(panels) // columns)
    shape = (rows * (height + margin) + margin, columns * (width + margin) + margin, 3)
    sheet = np.full(shape, BACKGROUND, np.uint8)
    for index, panel in enumerate(panels):
        row, column = divmod(index, columns)
        top = margin + row * (height + margin) + (height - panel.shape[0]) // 2
        left = margin + column * (width + margin) + (width - panel.shape[1]) // 2
        sheet[top : top + panel.shape[0], left : left + panel.shape[1]] = panel
    return sheet


def _titled(image: np.ndarray, title: str, note: str, text: int) -> np.ndarray:
    width = image.shape[1]
    return np.vstack([caption(title, width, text), caption(note, width, text, FAINT_TEXT), image])


def _filled(mask: np.ndarray, style: LineStyle) -> np.ndarray:
    """Return a mask as a (H, W, 3) image in its color, on black."""
    return np.where(mask[..., None], np.array(style.color, np.uint8), np.uint8(0))


def _side_by_side(images: Sequence[np.ndarray], gap: int) -> np.ndarray:
    strip = np.full((images[0].shape[0], gap, 3), BACKGROUND, np.uint8)
    return np.hstack([part for image in images for part in (image, strip)][:-1])


def _legend(entries: Sequence[tuple[LineStyle, int]], width: int, text: int) -> np.ndarray:
    """Return a strip with a sample and the name of each line style."""
    strip = np.full((round(1.5 * text), width, 3), BACKGROUND, np.uint8)
    middle = strip.shape[0] // 2
    left = text // 3
    for style, line in entries:
        # The dark outline would be invisible on the dark strip.
        strip[middle - text // 2 : middle + text // 2, left : left + 2 * text] = 128
        ends = (left, middle), (left + 2 * text - 1, middle)
        if line > 1:
            cv2.line(strip, *ends, style.outline, outlined_width(line))
        cv2.line(strip, *ends, style.color, line)
        start = left + round(2.3 * text)
        left = text + put_text(strip, style.name, start, width, round(0.8 * text), FAINT_TEXT)
    return strip
