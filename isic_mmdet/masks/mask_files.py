"""The one reader of mask files.

Preparation decodes strictly (`decode_mask`). Scoring accepts what the official scorer accepts
(`read_gray_mask`). Both try the fast decoder of black-and-white PNG files first.
"""

import io
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from isic_mmdet.errors import InputError
from isic_mmdet.images.decoding import UnreadableError, decode_whole, orientation_of, read_bytes
from isic_mmdet.images.encoding import encode_mask, encode_png
from isic_mmdet.images.formats import DECODE_ERRORS, FORMATS, unread_format
from isic_mmdet.images.orientation import upright
from isic_mmdet.images.sources import SourceFile
from isic_mmdet.masks.binary_png import decode_binary_png
from isic_mmdet.masks.bit_mask import BitMask

#: The challenge counts a pixel as lesion if its gray value is above this.
GRAY_THRESHOLD = 128
#: The same threshold as the lowest gray value of a lesion.
FOREGROUND = GRAY_THRESHOLD + 1

_MODES = {'L', '1', 'P'}


def binarize(gray: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
    """Return where an 8-bit mask is lesion: strictly above 128, as the official scorer does."""
    return gray > GRAY_THRESHOLD


@dataclass(frozen=True)
class DecodedMask:
    """A lesion mask, upright.

    Attributes:
        lesion: H x W pixels.
        data: the file to store. Without a palette; of another foreground than the challenge's only
            0 and 255.
        grays: number of pixels that are neither 0 nor 255.
        brightest: highest gray.
        orientation: EXIF's number in the file of the mask, 1 without one.
    """

    lesion: BitMask
    data: bytes
    grays: int
    brightest: int
    orientation: int = 1

    def turned(self, orientation: int) -> 'DecodedMask':
        """Return the mask rotated or mirrored as EXIF's number says; of grays only the lesion."""
        return self.with_lesion(self.lesion.turned(orientation))

    def with_lesion(self, lesion: BitMask) -> 'DecodedMask':
        """Return the mask with the pixels of another lesion, and the file to store for them."""
        return replace(self, lesion=lesion, data=encode_mask(lesion.unpacked()))


def decode_mask(file: SourceFile, foreground: int = FOREGROUND) -> DecodedMask:
    """Decode a mask of one 8-bit channel (or one bit, or a palette of grays).

    A pixel is lesion if its gray value, 1 to 255, is at least `foreground`. Raises
    `UnreadableError` as for images.
    """
    data = read_bytes(file)
    binary = decode_binary_png(data)
    if binary is not None:
        return DecodedMask(binary, data, grays=0, brightest=255 * int(binary.bits.any()))
    image = decode_whole(data, _MODES)
    orientation = orientation_of(image)
    values = np.ascontiguousarray(upright(np.asarray(image.convert('L')), orientation))
    grays = int(np.count_nonzero((values != 0) & (values != 255)))
    lesion = values >= foreground
    if foreground != FOREGROUND:
        # Scoring reads this copy with the challenge's threshold and has to find the same lesion.
        data = encode_mask(lesion)
    elif image.mode == 'P' or orientation != 1:
        # OpenCV, which reads the copy to score against, finds three channels in a palette.
        data = encode_png(values)
    return DecodedMask(BitMask.of(lesion), data, grays, int(values.max()), orientation)


def decode_grays(file: SourceFile) -> npt.NDArray[np.uint8]:
    """Decode a mask as `decode_mask` to its grays, (H, W) uint8."""
    return np.asarray(decode_whole(read_bytes(file), _MODES).convert('L'))


def read_gray_mask(file: SourceFile) -> tuple[BitMask, int]:
    """Return a mask, lesion where the gray value is above 128, and its highest gray.

    Pillow decides on all files except flawless black-and-white PNGs, as in the official scorer, so
    both accept the same files. Formats such as GIF are refused, as everywhere in the project.

    Raises:
        UnreadableError: missing, damaged, no image, or not one channel of 8 bits (or 1 bit).
    """
    data = read_bytes(file)
    if (binary := decode_binary_png(data)) is not None:
        return binary, 255 * int(binary.bits.any())
    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
        image.load()
    except UnidentifiedImageError:
        raise UnreadableError(unread_format(data) or 'not an image') from None
    except DECODE_ERRORS as error:
        raise UnreadableError(f'damaged ({error or type(error).__name__})') from error
    if image.mode not in {'L', '1'}:
        raise UnreadableError(
            f'not gray with 8 bits, but of mode {image.mode}; save it with one channel of 8 bits'
        )
    grays = np.asarray(image if image.mode == 'L' else image.convert('L'))
    return BitMask.of(binarize(grays)), int(grays.max())


def read_mask(path: str | Path) -> npt.NDArray[np.bool_]:
    """Return a mask file of a prepared data set as (H, W) bool; see `read_bit_mask`."""
    return read_bit_mask(path).unpacked()


def read_bit_mask(path: str | Path) -> BitMask:
    """Return a mask file of a prepared data set; raises `InputError` if it cannot be read."""
    try:
        return read_gray_mask(SourceFile(Path(path), None, 0, 0))[0]
    except UnreadableError as error:
        hint = 'use the official mask or prepare the data again'
        raise InputError(f'{path}: the mask cannot be read: {error}; {hint}') from error
