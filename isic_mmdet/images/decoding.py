"""Strict decoding of images.

Pillow decodes because it raises on a truncated file. OpenCV silently fills the missing part with
gray.
"""

import io
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from PIL import Image, UnidentifiedImageError

from isic_mmdet.images.formats import DECODE_ERRORS, FORMATS, unread_format
from isic_mmdet.images.orientation import ORIENTATION_TAG, WAYS_BACK
from isic_mmdet.images.sources import SourceFile

#: Pixels of the largest image that is decoded: over five times the largest official one
#: (6748 x 4499), and below the size at which a forged header exhausts the memory.
MAX_PIXELS = 160_000_000

_HOLE = bytes(4096)
# TIFF's NewSubfileType; its lowest bit marks a smaller copy of another page.
_SUBFILE_TAG = 254


class UnreadableError(Exception):
    """A file that cannot be decoded completely; the message gives the reason."""


def decoding_step(shape: tuple[int, int], size: tuple[int, int]) -> int:
    """Return 8, 4, 2 or 1: the largest step at which a JPEG is decoded to no less than `size`.

    Both are height and width. Sizes are rounded, so half a pixel less is enough.
    """
    for step in (8, 4, 2):
        if all(full / step >= wanted - 0.5 for full, wanted in zip(shape, size, strict=True)):
            return step
    return 1


def is_plain(image: Image.Image) -> bool:
    """Return whether a file is an RGB JPEG that every reader shows as it is stored."""
    return image.format == 'JPEG' and image.mode == 'RGB' and _is_upright(image)


def _is_upright(image: Image.Image) -> bool:
    """Return whether every reader shows the pixels as they are stored.

    In damaged EXIF data OpenCV may find an orientation that Pillow does not find.
    """
    exif = image.info.get('exif', b'')
    tag = _orientation_tag(image) if exif else 1
    if tag is None:
        return not any(tag in exif for tag in (b'\x01\x12', b'\x12\x01'))
    return tag == 1


def _orientation_tag(image: Image.Image) -> Any:
    try:
        return image.getexif().get(ORIENTATION_TAG)
    except DECODE_ERRORS as error:
        raise UnreadableError(f'its EXIF data are damaged: {error}') from error


def orientation_of(image: Image.Image) -> int:
    """Return the EXIF orientation of an image, 1 to 8; 1 if the tag is missing or invalid."""
    tag = _orientation_tag(image)
    return tag if tag in WAYS_BACK else 1


def stored_layout(file: SourceFile) -> tuple[int, int, bool]:
    """Return width and height of an image, and whether it is upright, without decoding it.

    Upright means that every reader shows the image as it is stored. Raises `UnreadableError`.
    """
    try:
        source = file.path if file.member is None else io.BytesIO(file.read())
        with _large_images(), Image.open(source) as image:
            return *image.size, _is_upright(image)
    except DECODE_ERRORS as error:
        raise UnreadableError(_reason(error)) from error


def read_bytes(file: SourceFile) -> bytes:
    """Return the bytes of a file; raises `UnreadableError` if it cannot be read."""
    try:
        return file.read()
    except DECODE_ERRORS as error:
        raise UnreadableError(_reason(error)) from error


def decode_whole(
    data: bytes, modes: set[str], prepare: Callable[[Image.Image], None] | None = None
) -> Image.Image:
    """Decode all of an image, as it is stored.

    Args:
        data: content of the file.
        modes: Pillow's names of the accepted kinds of pixels.
        prepare: called with the image before its pixels are decoded.

    Raises:
        UnreadableError: it is truncated, damaged, of another mode, or larger than `MAX_PIXELS`.
    """
    stream = io.BytesIO(data)
    try:
        with _large_images():
            image = Image.open(stream, formats=FORMATS)
            if image.format == 'PNG':
                # Decoding ignores the checksums of a PNG, and an image can be verified only once.
                image.verify()
                image = Image.open(stream, formats=FORMATS)
        if problem := _problem(image, modes):
            raise UnreadableError(problem)
        # The stream is at the start of the image data. JPEG has no checksums, but so many zero
        # bytes are a gap that an interrupted copy or download left.
        if image.format == 'JPEG' and data.find(_HOLE, stream.tell()) >= 0:
            raise UnreadableError(f'{len(_HOLE)} zero bytes in a row inside the image data')
        if prepare is not None:
            prepare(image)
        image.load()
    except UnidentifiedImageError as error:
        raise UnreadableError(unread_format(data) or _reason(error)) from error
    except DECODE_ERRORS as error:
        raise UnreadableError(_reason(error)) from error
    return image


def _problem(image: Image.Image, modes: set[str]) -> str | None:
    number = _image_count(image)
    if number > 1:
        return (
            f'{number} images in one file (animated, or with several pages); '
            'save the one that is meant as PNG'
        )
    if image.width * image.height > MAX_PIXELS:
        return f'{image.width} x {image.height} pixels are more than {MAX_PIXELS}'
    if image.mode not in modes:
        return f'pixels of mode {image.mode}, expected {" or ".join(sorted(modes))}'
    return None


def _image_count(image: Image.Image) -> int:
    """Return how many images a file holds, without previews."""
    number = getattr(image, 'n_frames', 1)
    if number == 1 or image.format == 'MPO':
        return 1  # cameras add previews and depths to a JPEG
    if image.format != 'TIFF':
        return number
    pages = 0
    for index in range(number):
        image.seek(index)
        pages += not getattr(image, 'tag_v2', {}).get(_SUBFILE_TAG, 0) & 1
    image.seek(0)
    return pages


@contextmanager
def _large_images() -> Iterator[None]:
    """Silence Pillow's warning about large images, because `MAX_PIXELS` is the limit here."""
    with warnings.catch_warnings():
        warnings.simplefilter('ignore', Image.DecompressionBombWarning)
        yield


def _reason(error: Exception) -> str:
    if isinstance(error, UnidentifiedImageError):
        return 'not an image, or a damaged one'
    return str(error) or type(error).__name__
