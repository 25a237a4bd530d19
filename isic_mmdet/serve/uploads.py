"""From uploaded bytes to pixels, in memory."""

import io
import warnings
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from isic_mmdet.images.decoding import UnreadableError, decode_whole
from isic_mmdet.images.formats import DECODE_ERRORS, FORMAT_NAMES, FORMATS, unread_format
from isic_mmdet.images.reading import UprightImage, read_image
from isic_mmdet.masks.mask_files import binarize


def decode_upload(
    data: bytes, max_pixels: int, reduction: Callable[[int, int], int]
) -> UprightImage:
    """Decode an image as `tools/predict.py` does; see `read_image` for `reduction`.

    Raises:
        UnreadableError: not an image, damaged, or larger than `max_pixels`.
    """
    _check_header(data, max_pixels)
    return read_image(data, reduction)


def decode_truth(data: bytes, max_pixels: int) -> NDArray[np.bool_]:
    """Decode an official mask: (H, W) bool, lesion where gray is above 128.

    Raises:
        UnreadableError: not an image, damaged, not one gray channel, or larger than `max_pixels`.
    """
    _check_header(data, max_pixels)
    return binarize(np.asarray(decode_whole(data, {'L', '1'}).convert('L')))


def _check_header(data: bytes, max_pixels: int) -> None:
    """Check that the data are a small enough image, before a pixel is decoded."""
    too_large = f'more than {max_pixels / 1e6:g} megapixels'
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore', Image.DecompressionBombWarning)
            width, height = Image.open(io.BytesIO(data), formats=FORMATS).size
    except Image.DecompressionBombError as error:
        raise UnreadableError(too_large) from error
    except DECODE_ERRORS as error:
        hint = f' ({unread})' if (unread := unread_format(data)) else ''
        raise UnreadableError(f'not a {FORMAT_NAMES} image{hint}') from error
    if width * height > max_pixels:
        raise UnreadableError(f'{width} x {height} pixels are {too_large}')
