"""A picture of what was found, for people."""

import cv2
import numpy as np
from numpy.typing import NDArray

from isic_mmdet.deploy.segmentation import Segmentation
from isic_mmdet.masks.drawing import PREDICTION, caption, draw_contours, resize_to_height

#: Rows of pixels that the image is shown at, if it has as many.
HEIGHT = 1024


def shrunk(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return an (H, W, 3) RGB image as BGR, at most `HEIGHT` pixels high."""
    height = min(HEIGHT, pixels.shape[0])
    return np.asarray(cv2.cvtColor(resize_to_height(pixels, height), cv2.COLOR_RGB2BGR), np.uint8)


def overlay(shown: NDArray[np.uint8], lesion: Segmentation, name: str) -> NDArray[np.uint8]:
    """Draw the contour of the lesion, under a line of text.

    Args:
        shown: (h, w, 3) uint8, BGR, from `shrunk`; drawn into.
        lesion: of the whole image.
        name: what the line of text calls the image.

    Returns:
        (h', w, 3) uint8, BGR.
    """
    height, width = shown.shape[:2]
    verdict = 'no detection' if lesion.label is None else f'{lesion.label} {lesion.score:.2f}'
    draw_contours(shown, lesion.mask, PREDICTION, max(2, height // 200))
    line = caption(f'{name}  {verdict}', width, max(14, height // 28))
    return np.vstack([line, shown])
