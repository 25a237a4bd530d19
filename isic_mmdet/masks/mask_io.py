"""Reading official masks and bringing predicted ones to their size."""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from isic_mmdet.errors import InputError
from isic_mmdet.evaluation.scores import binarize
from isic_mmdet.masks.binary_png import decode_binary_png


def read_mask(path: str | Path) -> NDArray[np.bool_]:
    """Return a mask file as (H, W) bool, lesion where the gray value is above 128.

    Raises:
        InputError: if the file is missing, damaged, or not 8-bit with one channel.
    """
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise InputError(
            f'{path}: the mask cannot be read ({error.strerror}); prepare the data again'
        ) from error
    if (mask := decode_binary_png(data)) is not None:
        return mask
    array = np.frombuffer(data, np.uint8)
    try:
        gray = cv2.imdecode(array, cv2.IMREAD_UNCHANGED) if data else None
    except cv2.error:
        gray = None  # it claims to be larger than OpenCV's limit
    if gray is None:
        raise InputError(f'{path}: not an image or damaged; fetch the file again')
    if gray.ndim != 2 or gray.dtype != np.uint8:
        channels = 1 if gray.ndim == 2 else gray.shape[2]
        raise InputError(
            f'{path}: a mask has one channel of 8 bits, this file has {channels} of '
            f'{8 * gray.dtype.itemsize} bits; use the official mask'
        )
    return binarize(np.asarray(gray, np.uint8))


def resize_mask(mask: NDArray[np.bool_], height: int, width: int) -> NDArray[np.bool_]:
    """Bring a binary mask to another size without shifting or biasing its border.

    Sides that shrink are averaged over area, sides that grow are interpolated linearly, both with
    pixel centers at half-integers; a pixel is lesion where at least half of it is.

    Args:
        mask: (h, w) bool.
        height: wanted height in pixels.
        width: wanted width in pixels.

    Returns:
        (height, width) bool; `mask` itself if it has that size already.
    """
    if mask.shape == (height, width):
        return mask
    h, w = mask.shape
    # 0 and 255 rather than 0.0 and 1.0: a quarter of the memory, and half still rounds to 128.
    gray = np.where(mask, np.uint8(255), np.uint8(0))
    gray = cv2.resize(gray, (min(w, width), min(h, height)), interpolation=cv2.INTER_AREA)
    gray = cv2.resize(gray, (width, height), interpolation=cv2.INTER_LINEAR)
    return gray >= 128
