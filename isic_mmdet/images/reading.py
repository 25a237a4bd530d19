"""Images of every kind that people have, as RGB of 8 bits."""

import io
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from isic_mmdet.images.decoding import UnreadableError, load_whole
from isic_mmdet.images.formats import DECODE_ERRORS
from isic_mmdet.images.frame import Frame, reduced_frame
from isic_mmdet.images.orientation import ORIENTATION_TAG, upright
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
        pixels: (h, w, 3) uint8, RGB; transparency is skipped. Of the size of the image, or
            reduced.
        frame: where these pixels lie in the image.
        orientation: EXIF's number for how the stored pixels were turned to get these.
    """

    pixels: NDArray[np.uint8]
    frame: Frame
    orientation: int


def read_image(
    file: SourceFile, reduction: Callable[[int, int], int] | None = None
) -> UprightImage:
    """Decode an image whole and turn it upright.

    Of 16 bits the upper 8 are taken, as Pillow does with 16-bit colors.

    A JPEG is stored in frequencies, and those that a smaller image lacks need not be turned into
    pixels. All of the file is read nonetheless, so that a truncated one is told.

    Args:
        file: the image.
        reduction: given the height and width of the stored image, how many pixels along each side
            may at most become one; the next lower one of 8, 4, 2 and 1 is taken where the file is
            a JPEG. None decodes all pixels.

    Raises:
        UnreadableError: truncated, damaged, not an image, or larger than `MAX_PIXELS` of
            `isic_mmdet.images.decoding`.
    """
    draft = _Draft(reduction)
    data, image = load_whole(file, _MODES, draft)
    try:
        # Pillow turns TIFF files itself when it decodes them, and then the tag is gone.
        turned = image.format == 'TIFF'
        header = Image.open(io.BytesIO(data)) if turned else image
        tag = header.getexif().get(ORIENTATION_TAG, 1)
    except DECODE_ERRORS as error:
        raise UnreadableError(f'its EXIF data are damaged: {error}') from error
    orientation = tag if isinstance(tag, int) else 1  # a forged tag may be of any type
    pixels = _rgb(image)
    del header, image
    if not turned:
        pixels = np.ascontiguousarray(upright(pixels, orientation))
    if draft.step == 1:
        frame = Frame((pixels.shape[0], pixels.shape[1]))
    else:
        frame = reduced_frame(draft.shape, draft.step, orientation)
    return UprightImage(pixels, frame, orientation)


class _Draft:
    """Asks Pillow for fewer pixels, and knows afterwards how many it gave.

    Attributes:
        shape: height and width of the stored image.
        step: how many of its pixels along each side became one.
    """

    def __init__(self, reduction: Callable[[int, int], int] | None) -> None:
        self._reduction = reduction
        self.shape = (0, 0)
        self.step = 1

    def __call__(self, image: Image.Image) -> None:
        self.shape = (image.height, image.width)
        most = 1 if self._reduction is None else self._reduction(*self.shape)
        if most > 1:
            least = max(1, image.width // most), max(1, image.height // most)
            drafted = image.draft(None, least)
            if drafted is not None:
                self.step = round(self.shape[1] / drafted[1][2])


def _rgb(image: Image.Image) -> NDArray[np.uint8]:
    """Return the pixels of an image, (H, W, 3) uint8.

    Strip by strip: Pillow takes four bytes a pixel, and copies all of them at every step.
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
