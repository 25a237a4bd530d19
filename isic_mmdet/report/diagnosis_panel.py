"""Pictures for people of data with several classes: boxes and classes beside the masks.

Every image in this module is BGR, and the colors are those of `panels`.
"""

import cv2
import numpy as np

from isic_mmdet.masks.mask_io import resize_mask
from isic_mmdet.report.panels import (
    FAINT_TEXT,
    PREDICTION,
    TEXT,
    TRUTH,
    LineStyle,
    caption,
    draw_contours,
    outlined,
    shown_at,
    side_by_side,
)


def diagnosis_panel(
    image: np.ndarray,
    truth: np.ndarray,
    label: str | None,
    prediction: np.ndarray | None,
    box: np.ndarray | None,
    predicted_label: str | None,
    score: float | None,
    iou: float,
    height: int = 384,
    name: str = '',
) -> np.ndarray:
    """Draw four pictures: image with true box, true mask, image with predicted box, its mask.

    Args:
        image: (H, W, 3) uint8, BGR.
        truth: (h, w), non-zero is lesion; any size, stretched to the image. Its box is the
            smallest that holds it.
        label: true class, None where it is not known.
        prediction: as `truth`, the predicted mask, or None where nothing was detected. The same
            goes for the three arguments that follow.
        box: (4,) float, x1, y1, x2, y2 in pixels of the image.
        predicted_label: predicted class.
        score: confidence of the detection in [0, 1].
        iou: Jaccard index of the two masks in [0, 1], as the metrics report it.
        height: at which the pictures are shown, in pixels; two lines of text come on top of it.
        name: what the header calls the image, such as the ISIC id.

    Returns:
        (H', W', 3) uint8, BGR. The fourth picture repeats the border of the true mask.
    """
    true_image = shown_at(image, height)
    found_image = true_image.copy()
    scale = height / image.shape[0]
    size = true_image.shape[:2]
    width = max(2, round(height / 130))

    lesion = resize_mask(truth > 0, *size)
    true_mask = _filled(lesion, TRUTH)
    _draw_box(true_image, _tight_box(lesion), TRUTH, width)
    if prediction is None:
        verdict = 'no detection'
        found_mask = np.zeros_like(true_mask)
    else:
        verdict = predicted_label or 'unknown'
        if score is not None:
            verdict = f'{verdict}, score {score:.2f}'
        found_mask = _filled(resize_mask(prediction > 0, *size), PREDICTION)
        if box is not None:
            _draw_box(found_image, box * scale, PREDICTION, width)
    draw_contours(found_mask, lesion, TRUTH, max(2, round(0.6 * width)))

    pictures = [
        (true_image, name, f'truth: {label or "unknown"}'),
        (true_mask, '', 'true mask'),
        (found_image, f'IoU {iou:.3f}', f'prediction: {verdict}'),
        (found_mask, '', 'predicted mask, true border'),
    ]
    text = max(12, height // 16)
    quarters = [
        np.vstack(
            [
                caption(first, size[1], text, TEXT),
                caption(second, size[1], text, FAINT_TEXT),
                picture,
            ]
        )
        for picture, first, second in pictures
    ]
    return side_by_side(quarters, gap=max(2, height // 64))


def _filled(mask: np.ndarray, style: LineStyle) -> np.ndarray:
    """Return a mask as a (H, W, 3) picture in its color, on black."""
    return np.where(mask[..., None], np.array(style.color, np.uint8), np.uint8(0))


def _tight_box(mask: np.ndarray) -> np.ndarray | None:
    """Return x1, y1, x2, y2 of the smallest box around a mask, None where it is empty."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not rows.size:
        return None
    return np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1], dtype=float)


def _draw_box(image: np.ndarray, box: np.ndarray | None, style: LineStyle, width: int) -> None:
    """Draw a box in place, its line inside the image where the box reaches the border."""
    if box is None:
        return
    inset = outlined(width) // 2
    limits = np.tile(image.shape[1::-1], 2) - 1 - inset
    left, top, right, bottom = (int(v) for v in np.clip(np.round(box), inset, limits))
    cv2.rectangle(image, (left, top), (right, bottom), style.outline, outlined(width))
    cv2.rectangle(image, (left, top), (right, bottom), style.color, width)
