"""Images of every kind that people have, as RGB of 8 bits."""

import io
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from isic_mmdet.images.decoding import (
    Draft,
    UnreadableError,
    decode_whole,
    orientation_of,
    read_bytes,
)
from isic_mmdet.images.frame import Frame, reduced_frame
from isic_mmdet.images.orientation import upright
from isic_mmdet.images.sources import SourceFile

# What Pillow decodes 16-bit gray to; I is what it makes of some 16-bit TIFF and PGM files.
_DEEP_MODES = {'I;16', 'I;16L', 'I;16B', 'I;16N', 'I'}
_MODES = {'1', 'L', 'LA', 'P', 'PA', 'RGB', 'RGBA', 'RGBX', 'CMYK', 'YCbCr'} | _DEEP_MODES
# Rows of pixels that are converted at a time.
_STRIP = 64


@dataclass(frozen=True, eq=False)
class UprightImage:
    """An image as a viewer shows it.

    Attributes:
        pixels: (h, w, 3) uint8, RGB without transparency, at full or reduced size.
        frame: where these pixels lie in the image.
        orientation: EXIF's number for how the stored pixels were rotated or mirrored.
    """

    pixels: NDArray[np.uint8]
    frame: Frame
    orientation: int


def read_image(
    file: SourceFile | bytes, reduction: Callable[[int, int], int] | None = None
) -> UprightImage:
    """Decode an image completely and bring it upright; of 16 bits the upper 8 are used.

    Args:
        file: the image, or its bytes.
        reduction: returns the largest step (see `Draft`) for the height and width of the stored
            image. None decodes all pixels.

    Raises:
        UnreadableError: truncated, damaged, not an image, or larger than `decoding.MAX_PIXELS`.
    """
    draft = Draft(lambda image: reduction(image.height, image.width) if reduction else 1)
    data = file if isinstance(file, bytes) else read_bytes(file)
    image = decode_whole(data, _MODES, draft)
    # Pillow brings TIFF files upright when it decodes them, and then removes the tag.
    is_upright = image.format == 'TIFF'
    orientation = orientation_of(Image.open(io.BytesIO(data)) if is_upright else image)
    pixels = _rgb(image)
    del image
    if not is_upright:
        pixels = np.ascontiguousarray(upright(pixels, orientation))
    if draft.step == 1:
        frame = Frame((pixels.shape[0], pixels.shape[1]))
    else:
        frame = reduced_frame(draft.shape, draft.step, orientation)
    return UprightImage(pixels, frame, orientation)


def _rgb(image: Image.Image) -> NDArray[np.uint8]:
    """Return the pixels of an image, (H, W, 3) uint8.

    Works strip by strip, because Pillow uses four bytes a pixel and copies them at every step.
    """
    pixels = np.empty((image.height, image.width, 3), np.uint8)
    for top in range(0, image.height, _STRIP):
        strip = image.crop((0, top, image.width, min(top + _STRIP, image.height)))
        if strip.mode in _DEEP_MODES:
            strip = Image.fromarray(_upper_byte(np.asarray(strip)))
        pixels[top : top + _STRIP] = np.asarray(strip.convert('RGB'))
    return pixels


def _upper_byte(values: NDArray[np.integer]) -> NDArray[np.uint8]:
    if values.min() < 0 or values.max() > 0xFFFF:
        raise UnreadableError('gray values of more than 16 bits')
    return (values >> 8).astype(np.uint8)
