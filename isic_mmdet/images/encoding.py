"""Encodes images as JPEG or PNG, and masks as PNG.

OpenCV is imported when it is used: scoring reads masks and does not need it.
"""

import io

import numpy as np
import numpy.typing as npt
from PIL import Image

from isic_mmdet.images.orientation import ORIENTATION_TAG

JPEG_QUALITY = 95


def encode_jpeg(pixels: npt.NDArray[np.uint8]) -> bytes:
    """Encode (H, W, 3) uint8 RGB at quality 95, color at full resolution (4:4:4)."""
    import cv2

    settings = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    settings += [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
    _, encoded = cv2.imencode('.jpg', cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), settings)
    return encoded.tobytes()


def encode_png(values: npt.NDArray[np.unsignedinteger]) -> bytes:
    """Encode an (H, W) uint8 or uint16 map as PNG of 8 or 16 bits."""
    import cv2

    return cv2.imencode('.png', values)[1].tobytes()


def encode_rgb_png(stored: npt.NDArray[np.uint8], orientation: int) -> bytes:
    """Encode (H, W, 3) uint8 RGB as PNG, with the EXIF orientation of these pixels."""
    exif = Image.Exif()
    if orientation != 1:
        exif[ORIENTATION_TAG] = orientation
    stream = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(stored)).save(stream, 'PNG', exif=exif)
    return stream.getvalue()


def encode_mask(mask: npt.NDArray[np.bool_]) -> bytes:
    """Encode an (H, W) mask as PNG with 255 in the lesion and 0 elsewhere."""
    return encode_png(np.ascontiguousarray(mask).view(np.uint8) * np.uint8(255))
