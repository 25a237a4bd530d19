"""Strict decoding of images.

Pillow decodes because it raises on a truncated file. OpenCV silently fills the missing part with
gray.
"""

import io
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from isic_mmdet.images.formats import DECODE_ERRORS, FORMATS, unread_format
from isic_mmdet.images.orientation import ORIENTATION_TAG, WAYS_BACK, upright
from isic_mmdet.images.sources import SourceFile

#: Pixels of the largest image that is decoded: over five times the largest official one
#: (6748 x 4499), and below the size at which a forged header exhausts the memory.
MAX_PIXELS = 160_000_000

_IMAGE_MODES = {'RGB', 'L', 'RGBA', 'CMYK', 'P'}
_HOLE = bytes(4096)
# TIFF's NewSubfileType; its lowest bit marks a smaller copy of another page.
_SUBFILE_TAG = 254


class UnreadableError(Exception):
    """A file that cannot be decoded completely; the message gives the reason."""


@dataclass(frozen=True)
class DecodedImage:
    """An image of RGB pixels, upright.

    Attributes:
        pixels: (ceil(H / step), ceil(W / step), 3) uint8.
        shape: height and width in the file, H and W.
        step: side in pixels of the squares that became one pixel: 1, 2, 4 or 8. If a side is no
            multiple of it, the last pixels reach beyond the image.
        data: the bytes of the file.
        orientation: EXIF's number, 1 to 8, by which the stored pixels were brought upright.
        is_plain: whether `data` is an 8-bit RGB JPEG that is stored upright, so that every reader
            gets the same pixels and the file can be copied.
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
    """Decode an 8-bit image and bring it upright.

    Official images carry no EXIF orientation. If a copy does, its upright pixels have to fit the
    mask.

    Args:
        file: the image.
        size_of: returns the final height and width for those of the image. A plain JPEG may then
            be decoded at a smaller size, but not below that.

    Raises:
        UnreadableError: truncated, damaged, not an 8-bit image, or larger than `MAX_PIXELS`.
    """

    def step_of(image: Image.Image) -> int:
        if size_of is None or not _is_plain(image):
            return 1
        return decoding_step((image.height, image.width), size_of(image.height, image.width))

    draft = Draft(step_of)
    data = read_bytes(file)
    image = decode_whole(data, _IMAGE_MODES, draft)
    is_plain, orientation = _is_plain(image), orientation_of(image)
    stored = np.asarray(image if image.mode == 'RGB' else image.convert('RGB'))
    pixels = np.ascontiguousarray(upright(stored, orientation))
    shape = (pixels.shape[0], pixels.shape[1]) if draft.step == 1 else draft.shape
    return DecodedImage(pixels, shape, draft.step, data, is_plain, orientation)


def decoding_step(shape: tuple[int, int], size: tuple[int, int]) -> int:
    """Return 8, 4, 2 or 1: the largest step at which a JPEG is decoded to no less than `size`.

    Both are height and width. Sizes are rounded, so half a pixel less is enough.
    """
    for step in (8, 4, 2):
        if all(full / step >= wanted - 0.5 for full, wanted in zip(shape, size, strict=True)):
            return step
    return 1


class Draft:
    """Lets Pillow decode a JPEG at a smaller size; `shape` and `step` are then known.

    A JPEG is stored in frequencies of 8 x 8 pixels. A smaller image needs only some of them, and
    skipping the others saves half of the time. The complete file is read nonetheless.

    Args:
        most: returns the largest step for an image whose pixels are not yet decoded. The next
            lower one of 8, 4, 2 and 1 is taken.
    """

    def __init__(self, most: Callable[[Image.Image], int]) -> None:
        self._most = most
        self.shape, self.step = (0, 0), 1

    def __call__(self, image: Image.Image) -> None:
        """Choose the size of an image before its pixels are decoded."""
        self.shape = height, width = image.height, image.width
        most = self._most(image)
        if most > 1:
            drafted = image.draft(None, (max(1, width // most), max(1, height // most)))
            if drafted is not None:
                self.step = round(width / drafted[1][2])


def _is_plain(image: Image.Image) -> bool:
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
    """Return the EXIF orientation of an image, 1 to 8; 1 if the tag is missing or invalid.

    Raises `UnreadableError` if the EXIF data are damaged.
    """
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
        prepare: called with the image before its pixels are decoded, such as `Draft`.

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
