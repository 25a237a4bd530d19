"""Computes the answers for the page from bytes: lesions, masks, comparisons, previews.

A threshold is an integer in percent, 1 to 99; the lesion is where the probability is above it.
A map is a mask of the upright image, 0 and 255, see `_packed`.
"""

import base64
import zlib
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from isic_mmdet.deploy.segmentation import Segmenter
from isic_mmdet.images.decoding import UnreadableError
from isic_mmdet.images.encoding import encode_jpeg, encode_mask
from isic_mmdet.images.orientation import stored_box, stored_mask, upright
from isic_mmdet.masks.binary_png import MAX_PIXELS, decode_binary_png
from isic_mmdet.masks.paste import count_above, paste_mask
from isic_mmdet.serve.corrections import Corrections
from isic_mmdet.serve.lesion import Lesion
from isic_mmdet.serve.uploads import decode_truth, decode_upload

#: Longest side of an image for a browser that cannot show the file itself.
PREVIEW_SIDE = 2048

_PERCENT = 100


def segment(segmenter: Segmenter, data: bytes, max_pixels: int) -> dict[str, Any]:
    """Find the lesion in an image file.

    Returns:
        `label` (None if nothing was found), `score`, `expected_iou` and `check` (None if the model
        has no calibration), `box` (x, y, width, height in pixels of the stored image), `threshold`
        (percent, of the model's own mask), `areas` (100 numbers: pixels above 0, 1, ... 99
        percent), and `lesion`, see `Lesion`.

    Raises:
        UnreadableError: see `decode_upload`, or the image is too narrow for the model.
    """
    image = decode_upload(data, max_pixels, segmenter.preparation.reduction)
    try:
        prepared = segmenter.preparation.prepare(image.pixels, image.frame)
    except ValueError as error:
        raise UnreadableError(str(error)) from error
    (found,) = segmenter.predict([prepared])
    box = None
    if found.box is not None:
        box = [round(side, 2) for side in stored_box(found.box, found.shape, image.orientation)]
    return {
        'label': found.label,
        'score': round(found.score, 6),
        'expected_iou': None if found.expected_iou is None else round(found.expected_iou, 6),
        'check': found.check,
        'box': box,
        'threshold': round(_PERCENT * found.threshold),
        'areas': count_above(found.views, found.number, found.shape, _PERCENT).tolist(),
        'lesion': Lesion(found.views, found.number, found.shape, image.orientation).to_json(),
    }


def mask_file(lesion: Lesion, threshold: int) -> bytes:
    """Return the mask file of `tools/predict.py`: a PNG in the orientation of the stored image."""
    return encode_mask(stored_mask(_pasted(lesion, threshold), lesion.orientation))


def mask_map(lesion: Lesion, threshold: int) -> dict[str, Any]:
    """Return the map of a lesion."""
    return _packed(_pasted(lesion, threshold))


def stored_file(drawn: bytes, orientation: int) -> bytes:
    """Return the mask file for a drawn mask: a PNG in the orientation of the stored image.

    `drawn` is a PNG of the upright image with 8 bits a pixel, 0 and 255 alone.

    Raises:
        UnreadableError: `drawn` is anything else.
    """
    return encode_mask(stored_mask(_drawn_mask(drawn), orientation))


def find_saved(
    corrections: Corrections, name: str, image: bytes, lesion: dict[str, Any], max_pixels: int
) -> dict[str, Any] | None:
    """Return what is saved for an image, whose result of `segment` has this `lesion`.

    Returns:
        None if nothing is; `error` if the image cannot be saved under its name, or its mask cannot
        be read; else `decision` (None if the log does not know it) and `map`.
    """
    try:
        found = corrections.find(name, image)
        if found is None:
            return None
        data, decision = found
        mask = upright(decode_truth(data, max_pixels), lesion['orientation'])
        if mask.shape != (lesion['height'], lesion['width']):
            raise UnreadableError('the saved mask has another size than the image; remove it')
    except UnreadableError as error:
        return {'error': str(error)}
    return {'decision': decision and decision.decision, 'map': _packed(mask)}


def save(
    corrections: Corrections,
    name: str,
    image: bytes,
    drawn: bytes,
    decision: str,
    replace: bool,
    max_pixels: int,
) -> None:
    """Save a drawn mask and its image; see `stored_file` and `Corrections.save`.

    Raises:
        UnreadableError: image or mask cannot be decoded, they differ in size, or see
            `Corrections.save`.
    """
    # Every byte of the image is read; few pixels are enough to know that they can be.
    decoded = decode_upload(image, max_pixels, lambda height, width: 8)
    mask = _drawn_mask(drawn)
    if mask.shape != decoded.frame.shape:
        raise UnreadableError('the mask has another size than the image')
    file = encode_mask(stored_mask(mask, decoded.orientation))
    corrections.save(name, image, file, decision, replace)


def _drawn_mask(drawn: bytes) -> NDArray[np.bool_]:
    mask = decode_binary_png(drawn)
    if mask is None:
        raise UnreadableError(
            'the mask is not a PNG of one channel of 8 bits with 0 and 255 alone, '
            f'of at most {MAX_PIXELS} pixels'
        )
    return mask.unpacked()


def _pasted(lesion: Lesion, threshold: int) -> NDArray[np.bool_]:
    return paste_mask(lesion.views, lesion.number, lesion.shape, threshold / _PERCENT)


def compare(lesion: Lesion, truth: bytes, max_pixels: int) -> dict[str, Any]:
    """Compare a lesion with the file of its official mask, for every threshold at once.

    Returns:
        `area` (pixels of the truth), `common` (100 numbers: of these, pixels above 0, 1, ... 99
        percent), `map` (of the truth).

    Raises:
        UnreadableError: see `decode_truth`, or truth and image differ in size.
    """
    mask = np.ascontiguousarray(upright(decode_truth(truth, max_pixels), lesion.orientation))
    if mask.shape != lesion.shape:
        (rows, columns), (height, width) = mask.shape, lesion.shape
        raise UnreadableError(
            f'the mask has {columns} x {rows} pixels, the image {width} x {height}; '
            'choose the mask of this image at full size'
        )
    common = count_above(lesion.views, lesion.number, lesion.shape, _PERCENT, mask).tolist()
    return {'area': int(np.count_nonzero(mask)), 'common': common, 'map': _packed(mask)}


def preview(data: bytes, max_pixels: int) -> bytes:
    """Return an image file as JPEG, upright and at most `PREVIEW_SIDE` pixels long."""

    def reduction(height: int, width: int) -> int:
        return max(1, max(height, width) // PREVIEW_SIDE)

    return encode_jpeg(_shrunk(decode_upload(data, max_pixels, reduction).pixels, PREVIEW_SIDE))


def _packed(mask: NDArray[np.bool_]) -> dict[str, Any]:
    """Return a mask for the page: its size, and a byte for each pixel, row by row, zlib, in base64.

    It is not an image file, because browsers that prevent fingerprinting change the pixels of
    images slightly when a page reads them.
    """
    gray = np.ascontiguousarray(mask).view(np.uint8) * np.uint8(255)
    data = base64.b64encode(zlib.compress(gray.data, 1)).decode()
    return {'width': mask.shape[1], 'height': mask.shape[0], 'data': data}


def _shrunk(pixels: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    height, width = pixels.shape[:2]
    factor = side / max(height, width)
    if factor >= 1:
        return pixels
    size = max(1, round(width * factor)), max(1, round(height * factor))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
