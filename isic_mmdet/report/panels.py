"""Pictures for people: truth and prediction contours side by side, with the score.

Every image in this module is BGR, the order of `cv2.imread` and `cv2.imwrite`. The two contour
colors are from the palette of Okabe and Ito (2008), told apart under all common forms of color
blindness; each has an outline of its own, so that it also reads in gray and on any skin tone.
"""

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np

from isic_mmdet.masks.mask_io import resize_mask

BACKGROUND = (32, 32, 32)
TEXT = (255, 255, 255)
FAINT_TEXT = (190, 190, 190)
FONT = cv2.FONT_HERSHEY_SIMPLEX


class LineStyle(NamedTuple):
    """How a contour is drawn: BGR colors and what the legend calls it."""

    name: str
    color: tuple[int, int, int]
    outline: tuple[int, int, int]


TRUTH = LineStyle('truth', (115, 158, 0), (255, 255, 255))
PREDICTION = LineStyle('prediction', (0, 159, 230), (0, 0, 0))


def lesion_panel(
    image: np.ndarray,
    truth: np.ndarray,
    prediction: np.ndarray | None,
    score: float | None,
    iou: float,
    height: int = 512,
    name: str = '',
) -> np.ndarray:
    """Draw one image twice: with the true contour, and with the predicted one beside it.

    Args:
        image: (H, W, 3) uint8, BGR.
        truth: (h, w), non-zero is lesion; any size, stretched to the image.
        prediction: the same for the predicted mask, or None where nothing was detected.
        score: confidence of the detection in [0, 1], or None where nothing was detected.
        iou: Jaccard index of the two masks in [0, 1], as the metrics report it.
        height: at which the image is shown, in pixels; header and legend come on top of it.
        name: what the header calls the image, such as the ISIC id.

    Returns:
        (H', W', 3) uint8, BGR. The right picture repeats the truth as a thin line.
    """
    left = shown_at(image, height)
    right = left.copy()
    width = left.shape[1]
    thick = max(2, round(height / 150))
    thin = max(1, round(thick * 0.6))
    text = max(12, height // 19)

    draw_contours(left, truth, TRUTH, thick)
    draw_contours(right, truth, TRUTH, thin)
    verdict = f'IoU {iou:.3f}'
    if prediction is None:
        verdict = f'no detection, {verdict}'
    else:
        draw_contours(right, prediction, PREDICTION, thick)
        if score is not None:
            verdict = f'{verdict}, score {score:.2f}'
    legends = [[(TRUTH, thick)], [(TRUTH, thin)]]
    if prediction is not None:
        legends[1].insert(0, (PREDICTION, thick))
    halves = [
        np.vstack([caption(line, width, text, TEXT), picture, _legend(entries, width, text)])
        for picture, line, entries in zip((left, right), (name, verdict), legends, strict=True)
    ]
    return side_by_side(halves, gap=max(2, height // 64))


def shown_at(image: np.ndarray, height: int) -> np.ndarray:
    """Return a copy of an image brought to a height in pixels; its shape is kept."""
    size = (max(1, round(image.shape[1] * height / image.shape[0])), height)
    shrinking = height < image.shape[0]
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA if shrinking else cv2.INTER_CUBIC)


def draw_contours(image: np.ndarray, mask: np.ndarray, style: LineStyle, width: int) -> None:
    """Draw the borders of a mask, those of its holes too, onto an image in place.

    Args:
        image: (H, W, 3) uint8, BGR.
        mask: (h, w), non-zero is lesion; any size, stretched to the image.
        style: colors of the line.
        width: of the colored line in pixels; above 1 it gets its outline in addition.
    """
    shown = resize_mask(mask > 0, *image.shape[:2]).astype(np.uint8)
    found, _ = cv2.findContours(shown, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    if width > 1:
        cv2.drawContours(image, found, -1, style.outline, outlined(width), cv2.LINE_AA)
    # A smoothed line one pixel wide would nowhere have its full color.
    smooth = cv2.LINE_AA if width > 1 else cv2.LINE_8
    cv2.drawContours(image, found, -1, style.color, width, smooth)


def side_by_side(pictures: Sequence[np.ndarray], gap: int) -> np.ndarray:
    """Join (H, W, 3) images of one height from left to right, with gaps of so many pixels."""
    strip = np.full((pictures[0].shape[0], gap, 3), BACKGROUND, np.uint8)
    joined = [part for picture in pictures for part in (picture, strip)]
    return np.hstack(joined[:-1])


def contact_sheet(panels: Sequence[np.ndarray], columns: int) -> np.ndarray:
    """Lay panels out on a grid, row by row, each centerd in a cell of the largest size.

    Args:
        panels: one or more (H, W, 3) uint8 images, BGR, of any sizes.
        columns: panels in a row.

    Returns:
        (H', W', 3) uint8, BGR.
    """
    height = max(panel.shape[0] for panel in panels)
    width = max(panel.shape[1] for panel in panels)
    margin = max(4, height // 40)
    columns = min(columns, len(panels))
    rows = -(-len(panels) // columns)
    sheet = np.full(
        (rows * (height + margin) + margin, columns * (width + margin) + margin, 3),
        BACKGROUND,
        np.uint8,
    )
    for index, panel in enumerate(panels):
        row, column = divmod(index, columns)
        top = margin + row * (height + margin) + (height - panel.shape[0]) // 2
        left = margin + column * (width + margin) + (width - panel.shape[1]) // 2
        sheet[top : top + panel.shape[0], left : left + panel.shape[1]] = panel
    return sheet


def outlined(width: int) -> int:
    """Return the width of a line together with its outline."""
    return width + 2 * max(1, round(width / 4))


def caption(line: str, width: int, text: int, color: tuple[int, int, int]) -> np.ndarray:
    """Return a (1.5 text, width, 3) strip with one line of text, shrunk to fit."""
    strip = np.full((round(1.5 * text), width, 3), BACKGROUND, np.uint8)
    _put_text(strip, line, text // 3, width - text // 3, text, color)
    return strip


def _legend(entries: Sequence[tuple[LineStyle, int]], width: int, text: int) -> np.ndarray:
    """Return a strip that names each line style beside a sample of it."""
    strip = np.full((round(1.5 * text), width, 3), BACKGROUND, np.uint8)
    middle = strip.shape[0] // 2
    left = text // 3
    for style, line in entries:
        # A patch of mid gray, or the dark outline would vanish in the dark strip.
        sample = slice(left, left + 2 * text)
        strip[middle - text // 2 : middle + text // 2, sample] = 128
        ends = (left, middle), (left + 2 * text - 1, middle)
        if line > 1:
            cv2.line(strip, *ends, style.outline, outlined(line))
        cv2.line(strip, *ends, style.color, line)
        left = _put_text(
            strip, style.name, left + round(2.3 * text), width, round(0.8 * text), FAINT_TEXT
        )
        left += text
    return strip


def _put_text(
    strip: np.ndarray, line: str, left: int, right: int, text: int, color: tuple[int, int, int]
) -> int:
    """Write a line between `left` and `right`, vertically centerd; return where it ends."""
    scale = text / 30
    (width, _), _ = cv2.getTextSize(line, FONT, scale, 1)
    scale *= min(1, (right - left) / max(1, width))
    (width, height), _ = cv2.getTextSize(line, FONT, scale, 1)
    cv2.putText(
        strip, line, (left, (strip.shape[0] + height) // 2), FONT, scale, color, 1, cv2.LINE_AA
    )
    return left + width
