"""Decodes images strictly.

Pillow decodes because it raises on a truncated file; OpenCV silently fills the missing part with
gray.
"""

import io
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from isic_mmdet.images.formats import DECODE_ERRORS, FORMATS, unread_format
from isic_mmdet.images.orientation import ORIENTATION_TAG, ORIENTATIONS
from isic_mmdet.images.sources import SourceFile

#: Pixels of the largest image that is decoded: over five times the largest official one
#: (6748 x 4499), and below the size at which a forged header exhausts the memory.
MAX_PIXELS = 160_000_000

_IMAGE_MODES = {'RGB', 'L', 'RGBA', 'CMYK', 'P'}
_HOLE = bytes(4096)
_NO_IMAGE = 'not an image, or one that is damaged'
# TIFF's NewSubfileType; its lowest bit marks a smaller copy of another page.
_SUBFILE_TAG = 254


class UnreadableError(Exception):
    """A file that cannot be decoded whole; the message says why."""


@dataclass(frozen=True)
class DecodedImage:
    """A dermoscopic image.

    Attributes:
        pixels: (ceil(H / step), ceil(W / step), 3) uint8, RGB, EXIF orientation applied.
        shape: height and width in the file, H and W, EXIF orientation applied.
        step: how many pixels along each side became one: 1, 2, 4 or 8. The last pixels reach
            beyond the image where its sides are no multiples of it.
        data: the file as it was.
        orientation: EXIF's number for how the stored pixels were turned or mirrored to stand
            upright, 1 (not at all) to 8.
        is_plain: whether `data` itself is an 8-bit RGB JPEG that is stored upright, so that every
            reader agrees on its pixels and it can be copied instead of encoded again.
    """

    pixels: npt.NDArray[np.uint8]
    shape: tuple[int, int]
    step: int
    data: bytes
    is_plain: bool
    orientation: int = 1

    @property
    def extent(self) -> tuple[float, float]:
        """Height and width of the image, in units of its `pixels`."""
        return self.shape[0] / self.step, self.shape[1] / self.step


def decode_image(
    file: SourceFile, size_of: Callable[[int, int], tuple[int, int]] | None = None
) -> DecodedImage:
    """Decode an image.

    Official images carry no EXIF orientation. Where a copy does, it is applied: the pixels then
    stand as viewers show them, and have to fit the mask like any other image.

    A JPEG is stored in frequencies of 8 x 8 pixels. A smaller image
    needs only some of them, and skipping the rest saves half of the time. The complete file is
    read nonetheless.

    Args:
        file: the image.
        size_of: given its height and width, the height and width of the image that will be
            made of it. A plain JPEG may then be decoded at less than full size, at least at that.

    Raises:
        UnreadableError: truncated, damaged, not an 8-bit image, or larger than `MAX_PIXELS`.
    """
    shape, step = (0, 0), 1

    def draft(image: Image.Image) -> None:
        nonlocal shape, step
        shape = image.height, image.width
        if size_of is not None and _is_plain(image):
            step = decoding_step(shape, size_of(*shape))
            image.draft(None, (image.width // step, image.height // step))

    data, image = load_whole(file, _IMAGE_MODES, draft)
    is_plain = _is_plain(image)
    orientation = orientation_of(image)
    if orientation != 1:
        try:
            # Imported here, because scoring reads masks and starts faster without it.
            from PIL import ImageOps

            image = ImageOps.exif_transpose(image)
        except DECODE_ERRORS as error:
            raise UnreadableError(f'its EXIF data are damaged: {error}') from error
        shape = image.height, image.width
    if image.mode != 'RGB':
        image = image.convert('RGB')
    known = orientation if orientation in ORIENTATIONS else 1
    return DecodedImage(np.asarray(image), shape, step, data, is_plain, known)


def decoding_step(shape: tuple[int, int], size: tuple[int, int]) -> int:
    """Return 8, 4, 2 or 1: the largest step at which a JPEG is decoded to no less than `size`.

    Sizes are rounded, so half a pixel less is as much.

    Args:
        shape: height and width of the image.
        size: height and width of what is to be made of it.
    """
    return next(
        step
        for step in (8, 4, 2, 1)
        if step == 1
        or all(full / step >= wanted - 0.5 for full, wanted in zip(shape, size, strict=True))
    )


def _is_plain(image: Image.Image) -> bool:
    return image.format == 'JPEG' and image.mode == 'RGB' and _is_upright(image)


def _is_upright(image: Image.Image) -> bool:
    """Tell whether every reader takes the stored pixels for upright.

    In damaged EXIF data Pillow finds no orientation where OpenCV does find one, and turns.
    """
    exif = image.info.get('exif', b'')
    if not exif:
        return True
    if orientation_of(image) != 1:
        return False
    is_told = ORIENTATION_TAG in image.getexif()
    return is_told or not any(tag in exif for tag in (b'\x01\x12', b'\x12\x01'))


def orientation_of(image: Image.Image) -> Any:
    """Return the EXIF orientation of an image, or what its EXIF data have instead of a number.

    Raises:
        UnreadableError: the EXIF data are damaged.
    """
    try:
        return image.getexif().get(ORIENTATION_TAG, 1)
    except DECODE_ERRORS as error:
        raise UnreadableError(f'its EXIF data are damaged: {error}') from error


def stored_size(file: SourceFile) -> tuple[int, int]:
    """Return width and height of an image from its header, without decoding it.

    Raises:
        UnreadableError: it cannot be read, or is no image.
    """
    try:
        return stored_layout(file)[:2]
    except UnreadableError as error:
        raise UnreadableError(f'{file}: {error}') from error


def stored_layout(file: SourceFile) -> tuple[int, int, bool]:
    """Return width and height of an image, and whether it is upright, without decoding it.

    Upright is what every reader shows as it is stored, whatever stands in its EXIF data.

    Raises:
        UnreadableError: it cannot be read, or is no image.
    """
    try:
        source = file.path if file.member is None else io.BytesIO(file.read())
        with warnings.catch_warnings():
            warnings.simplefilter('ignore', Image.DecompressionBombWarning)
            with Image.open(source) as image:
                return *image.size, _is_upright(image)
    except DECODE_ERRORS as error:
        raise _unreadable(error) from error


def load_whole(
    file: SourceFile, modes: set[str], prepare: Callable[[Image.Image], None] | None = None
) -> tuple[bytes, Image.Image]:
    """Read a file and decode all of it, as it is stored.

    Args:
        file: the image.
        modes: Pillow's names of the kinds of pixels that are wanted.
        prepare: is given the image before its pixels are decoded, and may ask for fewer of them
            (`Image.draft`).

    Returns:
        The bytes of the file, and the decoded image.

    Raises:
        UnreadableError: it is truncated, damaged, of another mode, or larger than `MAX_PIXELS`.
    """
    data = read_bytes(file)
    return data, decode_whole(data, modes, prepare)


def read_bytes(file: SourceFile) -> bytes:
    """Return the bytes of a file.

    Raises:
        UnreadableError: it cannot be read.
    """
    try:
        return file.read()
    except DECODE_ERRORS as error:
        raise _unreadable(error) from error


def decode_whole(
    data: bytes, modes: set[str], prepare: Callable[[Image.Image], None] | None = None
) -> Image.Image:
    """Decode the bytes of a file strictly; see `load_whole`."""
    stream = io.BytesIO(data)
    try:
        with warnings.catch_warnings():
            # Pillow warns of large images; the limit below is ours and is an error.
            warnings.simplefilter('ignore', Image.DecompressionBombWarning)
            image = Image.open(stream, formats=FORMATS)
            if image.format == 'PNG':
                # Decoding does not look at PNG's checksums, and verifying uses the object up.
                image.verify()
                image = Image.open(stream, formats=FORMATS)
        number = _image_count(image)
        if number > 1:
            raise UnreadableError(
                f'{number} images in one file (animated, or with several pages); '
                'save the one that is meant as PNG'
            )
        if image.width * image.height > MAX_PIXELS:
            raise UnreadableError(
                f'{image.width} x {image.height} pixels are more than {MAX_PIXELS}'
            )
        if image.mode not in modes:
            raise UnreadableError(
                f'pixels of mode {image.mode}, expected {" or ".join(sorted(modes))}'
            )
        # The stream is at the start of the image data. JPEG has no checksums, but so many zero
        # bytes are a gap that an interrupted copy or download left.
        if image.format == 'JPEG' and data.find(_HOLE, stream.tell()) >= 0:
            raise UnreadableError(f'{len(_HOLE)} zero bytes in a row inside the image data')
        if prepare is not None:
            prepare(image)
        image.load()
    except UnidentifiedImageError as error:
        raise UnreadableError(unread_format(data) or _NO_IMAGE) from error
    except DECODE_ERRORS as error:
        raise _unreadable(error) from error
    return image


def _image_count(image: Image.Image) -> int:
    """Return how many images a file holds, without previews."""
    number = getattr(image, 'n_frames', 1)
    if number == 1 or image.format == 'MPO':
        return 1  # what cameras add to a JPEG are previews and depths
    if image.format != 'TIFF':
        return number
    pages = 0
    for index in range(number):
        image.seek(index)
        pages += not getattr(image, 'tag_v2', {}).get(_SUBFILE_TAG, 0) & 1
    image.seek(0)
    return pages


def _unreadable(error: Exception) -> UnreadableError:
    if isinstance(error, UnidentifiedImageError):
        return UnreadableError(_NO_IMAGE)
    return UnreadableError(str(error) or type(error).__name__)
