"""Images of every kind that people have, as RGB of 8 bits."""

import io
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from isic_mmdet.images.decoding import (
    UnreadableError,
    decode_whole,
    decoding_step,
    is_plain,
    orientation_of,
    read_bytes,
)
from isic_mmdet.images.frame import Frame, reduced_frame
from isic_mmdet.images.orientation import upright
from isic_mmdet.images.sources import SourceFile

# What Pillow decodes 16-bit gray to; I is what it makes of some 16-bit TIFF and PGM files.
_DEEP_MODES = {'I;16', 'I;16L', 'I;16B', 'I;16N', 'I'}
#: Pillow's names of the kinds of pixels that `rgb_pixels` takes.
MODES = _DEEP_MODES | {'1', 'L', 'LA', 'P', 'PA', 'RGB', 'RGBA', 'RGBX', 'CMYK', 'YCbCr'}
# A camera of 12 bits stores 0 to 4095 in 16 bits, of which the upper 8 are at most 15.
_DARKEST_MAXIMUM = 16
# Pixels that are converted at a time.
_STRIP = 2**18


@dataclass(frozen=True, eq=False)
class UprightImage:
    """An image as a viewer shows it.

    Attributes:
        pixels: (h, w, 3) uint8, RGB without transparency, at full or reduced size.
        frame: where these pixels lie in the image.
        orientation: EXIF's number for how the stored pixels were rotated or mirrored.
        data: the bytes of the file.
        is_plain: whether `data` is an 8-bit RGB JPEG that is stored upright, so that every reader
            gets the same pixels and the file can be copied.
        is_deep: whether a color has 16 bits in the file.
    """

    pixels: NDArray[np.uint8]
    frame: Frame
    orientation: int
    data: bytes
    is_plain: bool
    is_deep: bool


def read_image(
    file: SourceFile | bytes, reduction: Callable[[int, int], int] | None = None
) -> UprightImage:
    """Decode an image completely and bring it upright; of 16 bits the upper 8 are used.

    A JPEG is stored in frequencies of 8 x 8 pixels. A smaller image needs only some of them, and
    skipping the others saves half of the time. The complete file is read nonetheless.

    Args:
        file: the image, or its bytes.
        reduction: returns the largest step of a JPEG for height and width of the stored image. The
            next lower one of 8, 4, 2 and 1 is taken. None decodes all pixels.

    Raises:
        UnreadableError: truncated, damaged, not an image, larger than `decoding.MAX_PIXELS`, or so
            dark that the upper 8 bits are black.
    """
    data = file if isinstance(file, bytes) else read_bytes(file)
    return _read(data, lambda image: reduction(*_shape(image)) if reduction else 1)


def read_official_image(
    file: SourceFile, size_of: Callable[[int, int], tuple[int, int]] | None = None
) -> UprightImage:
    """Decode an image of a data set and bring it upright; see `read_image`.

    Official images carry no EXIF orientation. If a copy does, its upright pixels have to fit the
    mask.

    Args:
        file: the image.
        size_of: returns the final height and width for those of the image. A plain JPEG may then
            be decoded at a smaller size, but not below that.
    """

    def step_of(image: Image.Image) -> int:
        if size_of is None or not is_plain(image):
            return 1
        return decoding_step(_shape(image), size_of(*_shape(image)))

    return _read(read_bytes(file), step_of)


def _read(data: bytes, largest_step: Callable[[Image.Image], int]) -> UprightImage:
    stored, step, is_deep = (0, 0), 1, False

    def draft(image: Image.Image) -> None:
        nonlocal stored, step, is_deep
        # Pillow decodes 16-bit colors to 8 bits; only the name of the stored pixels shows it.
        is_deep = ';16' in str(getattr(image, 'tile', ''))
        stored = height, width = _shape(image)
        largest = largest_step(image)
        # For HEIC, Pillow would take a preview whose size is not a whole fraction.
        if largest > 1 and image.format != 'HEIF':
            drafted = image.draft(None, (max(1, width // largest), max(1, height // largest)))
            if drafted is not None:
                step = round(width / drafted[1][2])

    image = decode_whole(data, MODES, draft)
    # Pillow brings TIFF files upright when it decodes them, and then removes the tag.
    is_upright = image.format == 'TIFF'
    orientation = orientation_of(Image.open(io.BytesIO(data)) if is_upright else image)
    plain, pixels = is_plain(image), rgb_pixels(image)
    del image
    if is_deep and pixels.max() < _DARKEST_MAXIMUM:
        raise UnreadableError(
            f'16 bits a color, and none is above {int(pixels.max()) * 256 + 255} of 65535, as in '
            'images of 12 bits or less, which would become black'
        )
    if not is_upright:
        pixels = np.ascontiguousarray(upright(pixels, orientation))
    if step == 1:
        frame = Frame((pixels.shape[0], pixels.shape[1]))
    else:
        frame = reduced_frame(stored, step, orientation)
    return UprightImage(pixels, frame, orientation, data, plain, is_deep)


def _shape(image: Image.Image) -> tuple[int, int]:
    return image.height, image.width


def rgb_pixels(image: Image.Image) -> NDArray[np.uint8]:
    """Return the pixels of an image as it is stored, (H, W, 3) uint8, RGB without transparency.

    Of 16 bits the upper 8 are used. Works strip by strip, because Pillow uses four bytes a pixel
    and copies them at every step.
    """
    pixels = np.empty((image.height, image.width, 3), np.uint8)
    rows = max(1, _STRIP // image.width)
    for top in range(0, image.height, rows):
        strip = image.crop((0, top, image.width, min(top + rows, image.height)))
        if strip.mode in _DEEP_MODES:
            strip = Image.fromarray(_upper_byte(np.asarray(strip)))
        pixels[top : top + rows] = np.asarray(strip.convert('RGB'))
    return pixels


def _upper_byte(values: NDArray[np.integer]) -> NDArray[np.uint8]:
    if values.min() < 0 or values.max() > 0xFFFF:
        raise UnreadableError('gray values of more than 16 bits')
    return (values >> 8).astype(np.uint8)
