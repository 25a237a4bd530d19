"""Drawing masks onto images: contours, boxes and lines of text. Every image is BGR.

The two contour colors are of the palette of Okabe and Ito (2008), which color-blind readers can
distinguish. Each has an outline, so that it is visible in gray and on any skin tone.
"""

from typing import NamedTuple

import cv2
import numpy as np

from isic_mmdet.masks.resize import resize_mask

Color = tuple[int, int, int]

BACKGROUND = (32, 32, 32)
TEXT = (255, 255, 255)
FAINT_TEXT = (190, 190, 190)
_FONT = cv2.FONT_HERSHEY_SIMPLEX


class LineStyle(NamedTuple):
    """How a contour is drawn: its name in the legend and its BGR colors."""

    name: str
    color: Color
    outline: Color


TRUTH = LineStyle('truth', (115, 158, 0), (255, 255, 255))
PREDICTION = LineStyle('prediction', (0, 159, 230), (0, 0, 0))


def resize_to_height(image: np.ndarray, height: int) -> np.ndarray:
    """Return a copy of an image with this height in pixels and the same aspect ratio."""
    size = (max(1, round(image.shape[1] * height / image.shape[0])), height)
    shrinking = height < image.shape[0]
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA if shrinking else cv2.INTER_CUBIC)


def draw_contours(image: np.ndarray, mask: np.ndarray, style: LineStyle, width: int) -> None:
    """Draw the borders of a mask, including those of its holes, onto an (H, W, 3) image in place.

    Args:
        image: uint8.
        mask: (h, w), non-zero is lesion; stretched to the image.
        style: colors of the line.
        width: of the colored line in pixels; above 1 the outline is added.
    """
    shown = resize_mask(mask > 0, *image.shape[:2]).astype(np.uint8)
    found, _ = cv2.findContours(shown, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    if width > 1:
        cv2.drawContours(image, found, -1, style.outline, outlined_width(width), cv2.LINE_AA)
    # A smoothed line of one pixel would have its full color nowhere.
    smooth = cv2.LINE_AA if width > 1 else cv2.LINE_8
    cv2.drawContours(image, found, -1, style.color, width, smooth)


def draw_box(image: np.ndarray, box: np.ndarray, style: LineStyle, width: int) -> None:
    """Draw a box (x1, y1, x2, y2) in place; a line at the image border is moved inside."""
    inset = outlined_width(width) // 2
    limits = np.tile(image.shape[1::-1], 2) - 1 - inset
    left, top, right, bottom = (int(v) for v in np.clip(np.round(box), inset, limits))
    for color, line in ((style.outline, outlined_width(width)), (style.color, width)):
        cv2.rectangle(image, (left, top), (right, bottom), color, line)


def outlined_width(width: int) -> int:
    """Return the width of a line together with its outline."""
    return width + 2 * max(1, round(width / 4))


def caption(line: str, width: int, text: int, color: Color = TEXT) -> np.ndarray:
    """Return a (1.5 text, width, 3) strip with one line of text, which shrinks to fit."""
    strip = np.full((round(1.5 * text), width, 3), BACKGROUND, np.uint8)
    put_text(strip, line, text // 3, width - text // 3, text, color)
    return strip


def put_text(strip: np.ndarray, line: str, left: int, right: int, text: int, color: Color) -> int:
    """Write a line between `left` and `right`, centered vertically; return where it ends."""
    scale = text / 30
    (width, _), _ = cv2.getTextSize(line, _FONT, scale, 1)
    scale *= min(1, (right - left) / max(1, width))
    (width, height), _ = cv2.getTextSize(line, _FONT, scale, 1)
    start = (left, (strip.shape[0] + height) // 2)
    cv2.putText(strip, line, start, _FONT, scale, color, 1, cv2.LINE_AA)
    return left + width
