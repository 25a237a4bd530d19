"""Hair in an image and the tone of the skin around the lesion, estimated from its pixels.

Hair is dark, thin and long. A grayscale closing with a line removes dark structures that are
narrower than the line along its direction: hair disappears in every direction but its own, a dot or
a border in all or none (after Lee et al. 1997, "DullRazor", Computers in Biology and Medicine 27).

The tone of the skin is its individual typology angle, arctan((L* - 50) / b*), in the six groups of
Del Bino and Bernerd 2013 (British Journal of Dermatology 169). Kinyanjui et al. 2020 ("Fairness of
classifiers across skin tones in dermatology", MICCAI) estimated it from ISIC images in this way.
Cameras and light differ, so it is an estimate of a group, not a measurement of a person.
"""

import math
from bisect import bisect_right

import cv2
import numpy as np
from numpy.typing import NDArray

from isic_mmdet.evaluation.groups import SKIN_TONES

# Longer side in pixels to which images are reduced; lengths below are in such pixels.
_SIDE = 512
_LINE = 17  # longer than a hair is thick
_CONTRAST = 12  # gray levels that hair is darker than its surroundings
_THICK = 9  # dark structures in which a disk of this diameter fits are no hair
_LENGTH = 40  # shorter dark lines are no hair
# Skin is farther from the lesion than this share of the diagonal.
_DISTANCE = 0.03
# An image shows too little skin below this share of its pixels. Darker grays are dark corners.
_LEAST_SKIN = 0.05
_DARK = 60
# Skin is yellowish. Below this b*, the white balance of the camera hides its tone.
_LEAST_YELLOW = 5.0

_ANGLES = (-30.0, 10.0, 28.0, 41.0, 55.0)


def appearance(
    pixels: NDArray[np.uint8], lesion: NDArray[np.bool_]
) -> tuple[float | None, str | None]:
    """Return the share of the skin that hair covers, 0 to 1, and the group of the skin's tone.

    Rulers count as hair. The lesion does not count: its network looks like hair.

    Args:
        pixels: (H, W, 3) uint8, RGB.
        lesion: (h, w); stretched over the image.

    Returns:
        None for what the image does not show: with too little skin around the lesion, or, for the
        tone, if the colors are too blue.
    """
    small = _reduced(pixels)
    skin, hair = _around(small, lesion), _hair(small)
    share = float(hair[skin].mean()) if skin.mean() >= _LEAST_SKIN else None
    bare = skin & ~hair
    if bare.mean() < _LEAST_SKIN:
        return share, None
    lab = cv2.cvtColor(small.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)[bare]
    lightness, _, yellow = (float(value) for value in np.median(lab, axis=0))
    if yellow < _LEAST_YELLOW:
        return share, None
    angle = math.degrees(math.atan2(lightness - 50, yellow))
    return share, SKIN_TONES[bisect_right(_ANGLES, angle)]


def _reduced(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    scale = _SIDE / max(pixels.shape[:2])
    if scale >= 1:
        return pixels
    size = tuple(max(1, round(side * scale)) for side in pixels.shape[1::-1])
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)


def _around(small: NDArray[np.uint8], lesion: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the skin of a reduced image: without the lesion, its surroundings, dark corners."""
    height, width = small.shape[:2]
    mask = cv2.resize(lesion.astype(np.uint8), (width, height), interpolation=cv2.INTER_AREA)
    gap = 2 * math.ceil(_DISTANCE * math.hypot(height, width)) + 1
    near = cv2.dilate(mask, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (gap, gap)))
    gray = cv2.cvtColor(cv2.blur(small, (_LINE, _LINE)), cv2.COLOR_RGB2GRAY)
    return np.asarray((near == 0) & (gray >= _DARK))


def _hair(pixels: NDArray[np.uint8]) -> NDArray[np.bool_]:
    gray = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), np.uint8)
    closed = np.stack([cv2.morphologyEx(gray, cv2.MORPH_CLOSE, line) for line in _lines()])
    # Filled across, and not along: at least half of the contrast remains in one direction.
    across, along = closed.max(0).astype(np.int16), closed.min(0)
    darker = across - gray
    is_line = (darker > _CONTRAST) & (2 * (across - along) > darker)
    disk = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (_THICK, _THICK))
    thin = is_line & (cv2.morphologyEx(is_line.astype(np.uint8), cv2.MORPH_OPEN, disk) == 0)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(thin.astype(np.uint8))
    is_long = np.hypot(stats[:, cv2.CC_STAT_WIDTH], stats[:, cv2.CC_STAT_HEIGHT]) >= _LENGTH
    is_long[0] = False  # the background
    return np.asarray(is_long[labels])


def _lines() -> list[NDArray[np.uint8]]:
    """Return lines of `_LINE` pixels in eight directions, as structuring elements."""
    lines, center = [], _LINE // 2
    for step in range(8):
        angle = math.pi * step / 8
        x, y = (round(center * part) for part in (math.cos(angle), math.sin(angle)))
        line = np.zeros((_LINE, _LINE), np.uint8)
        cv2.line(line, (center - x, center - y), (center + x, center + y), 1)
        lines.append(line)
    return lines
