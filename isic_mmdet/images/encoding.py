"""Encodes images as JPEG and masks as PNG.

OpenCV is imported when it is used: scoring reads masks and does not need it.
"""

import numpy as np
import numpy.typing as npt

JPEG_QUALITY = 95


def encode_jpeg(pixels: npt.NDArray[np.uint8]) -> bytes:
    """Encode (H, W, 3) uint8 RGB at quality 95, color at full resolution (4:4:4)."""
    import cv2

    settings = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    settings += [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
    _, encoded = cv2.imencode('.jpg', cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), settings)
    return encoded.tobytes()


def encode_png(values: npt.NDArray[np.uint8]) -> bytes:
    """Encode an (H, W) uint8 mask as PNG."""
    import cv2

    return cv2.imencode('.png', values)[1].tobytes()


def encode_mask(mask: npt.NDArray[np.bool_]) -> bytes:
    """Encode an (H, W) mask as PNG with 255 in the lesion and 0 elsewhere."""
    return encode_png(np.ascontiguousarray(mask).view(np.uint8) * np.uint8(255))
