"""Images of every kind that people have, as RGB of 8 bits."""

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from isic_mmdet.challenge.images import (
    DECODE_ERRORS,
    ORIENTATION_TAG,
    UnreadableError,
    load_whole,
)
from isic_mmdet.challenge.sources import SourceFile

# What Pillow decodes 16-bit grey to; I is what it makes of some 16-bit TIFF and PGM files.
_DEEP_MODES = {'I;16', 'I;16L', 'I;16B', 'I;16N', 'I'}
_MODES = {'1', 'L', 'LA', 'P', 'PA', 'RGB', 'RGBA', 'RGBX', 'CMYK', 'YCbCr'} | _DEEP_MODES


@dataclass(frozen=True, eq=False)
class UprightImage:
    """An image as a viewer shows it.

    Attributes:
        pixels: (H, W, 3) uint8, RGB; transparency is left out.
        orientation: EXIF's number for how the stored pixels were turned to get these.
    """

    pixels: NDArray[np.uint8]
    orientation: int


def read_image(file: SourceFile) -> UprightImage:
    """Decode an image whole and turn it upright.

    Of 16 bits the upper 8 are taken, as Pillow does with 16-bit colours.

    Raises:
        UnreadableError: truncated, damaged, not an image, or larger than `MAX_PIXELS` of
            `isic_mmdet.challenge.images`.
    """
    data, image = load_whole(file, _MODES)
    try:
        # Pillow turns TIFF files itself when it decodes them, and then the tag is gone.
        header = Image.open(io.BytesIO(data)) if image.format == 'TIFF' else image
        orientation = int(header.getexif().get(ORIENTATION_TAG, 1))
        upright = ImageOps.exif_transpose(image)
    except DECODE_ERRORS as error:
        raise UnreadableError(f'its EXIF data are damaged: {error}') from error
    if upright.mode in _DEEP_MODES:
        upright = Image.fromarray(_upper_byte(np.asarray(upright)))
    return UprightImage(np.asarray(upright.convert('RGB')), orientation)


def _upper_byte(values: NDArray[np.integer]) -> NDArray[np.uint8]:
    if values.min() < 0 or values.max() > 0xFFFF:
        raise UnreadableError('grey values of more than 16 bits')
    return (values >> 8).astype(np.uint8)
