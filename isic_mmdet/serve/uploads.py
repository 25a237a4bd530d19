"""From uploaded bytes to pixels, in memory alone."""

import io
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from isic_mmdet.evaluation.scores import binarize
from isic_mmdet.images.decode_errors import DECODE_ERRORS
from isic_mmdet.images.decoding import UnreadableError, load_whole
from isic_mmdet.images.formats import FORMAT_NAMES, FORMATS, unread_format
from isic_mmdet.images.reading import UprightImage, read_image
from isic_mmdet.images.sources import SourceFile


@dataclass(frozen=True)
class Upload(SourceFile):
    """Bytes that came in, for the readers of files; there is no file and no name of one.

    Attributes:
        data: the whole content.
    """

    data: bytes

    @classmethod
    def of(cls, data: bytes) -> 'Upload':
        """Return the upload with this content."""
        return cls(Path('upload'), None, len(data), 0, data)

    def read(self) -> bytes:
        """Return the whole content."""
        return self.data


def decode_upload(
    data: bytes, max_pixels: int, reduction: Callable[[int, int], int]
) -> UprightImage:
    """Decode an image as `tools/predict.py` does.

    Args:
        data: of the file.
        max_pixels: that the image may have.
        reduction: see `read_image`.

    Raises:
        UnreadableError: no image, damaged, or larger than `max_pixels`.
    """
    check_header(data, max_pixels)
    return read_image(Upload.of(data), reduction)


def decode_truth(data: bytes, max_pixels: int) -> NDArray[np.bool_]:
    """Decode an official mask: (H, W) bool, lesion where the gray is above 128.

    Raises:
        UnreadableError: no image, damaged, not one channel of gray, or larger than `max_pixels`.
    """
    check_header(data, max_pixels)
    _, image = load_whole(Upload.of(data), {'L', '1'})
    return binarize(np.asarray(image.convert('L')))


def check_header(data: bytes, max_pixels: int) -> None:
    """Refuse what is no image, or too large a one, before any of its pixels is decoded.

    Raises:
        UnreadableError: see above.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore', Image.DecompressionBombWarning)
            width, height = Image.open(io.BytesIO(data), formats=FORMATS).size
    except Image.DecompressionBombError as error:
        raise UnreadableError(f'more than {max_pixels / 1e6:g} megapixels') from error
    except DECODE_ERRORS as error:
        unread = unread_format(data)
        hint = f' ({unread})' if unread else ''
        raise UnreadableError(f'not a {FORMAT_NAMES} image{hint}') from error
    if width * height > max_pixels:
        raise UnreadableError(
            f'{width} x {height} pixels are more than {max_pixels / 1e6:g} megapixels'
        )
