"""Thumbnails for the gallery: small JPEGs, and the outlines of the masks as SVG paths."""

from collections.abc import Mapping
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask
from tqdm import tqdm

from isic_mmdet.errors import InputError
from isic_mmdet.images.decoding import decoding_step
from isic_mmdet.report.page.dataset import Code, Record
from isic_mmdet.report.panels import read_image

SIDE = 512  # longest side of a thumbnail in pixels, and of its outlines in units
# In base64 these are 53,332 characters, so that 1,000 images with outlines stay below 60 MB.
JPEG_BYTES = 39_999
_ATTEMPTS = ((SIDE, 85), (SIDE, 75), (SIDE, 60), (384, 60), (256, 50))  # side, JPEG quality
_OUTLINE_CHARACTERS = 2_500
_TOLERANCES = (0.5, 1.0, 2.0, 4.0)


class Thumbnail(NamedTuple):
    """What the gallery shows of an image, and what its true mask says."""

    jpeg: bytes
    frame: tuple[int, int]  # width and height that the outlines refer to, the longer one `SIDE`
    truth: str  # outline as an SVG path
    prediction: str | None  # None without a detection
    lesion_share: float  # of the image's area, in [0, 1]
    touches_border: bool


def make_thumbnails(
    records: Mapping[str, Record], predictions: Mapping[str, Code], show_progress: bool = True
) -> dict[str, Thumbnail]:
    """Return the thumbnail of every record, by its id.

    Raises:
        InputError: with all images that are missing, damaged, or of another size than a mask.
    """
    thumbnails, errors = {}, []
    bar = tqdm(records.items(), desc='thumbnails', unit='image', disable=not show_progress)
    for name, record in bar:
        try:
            thumbnails[name] = _thumbnail(record, predictions.get(name))
        except InputError as error:
            errors.append(str(error))
    if errors:
        raise InputError('some images cannot be drawn; prepare the data again:', errors)
    return thumbnails


def outline(mask: NDArray[np.uint8]) -> str:
    """Return the borders of a mask, including those of its holes, as an SVG path.

    Args:
        mask: (H, W), 0 or 1.

    Returns:
        Closed lines through the centers of the border's pixels, within half a unit if few points
        suffice; '' for an empty mask. The longer side of the image is `SIDE` units long, the
        origin is its top left corner.
    """
    found, _ = cv2.findContours(mask, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    scale = SIDE / max(mask.shape)
    lines = [((points + 0.5) * scale).astype(np.float32) for points in found]
    for tolerance in _TOLERANCES:
        path = ''
        for line in lines:
            points = cv2.approxPolyDP(line, tolerance, True)[:, 0]
            path += 'M' + 'L'.join(f'{x:.1f} {y:.1f}' for x, y in points) + 'Z'
        if len(path) <= _OUTLINE_CHARACTERS:
            break
    return path


def small_jpeg(image: NDArray[np.uint8]) -> bytes:
    """Return an (H, W, 3) BGR image as a JPEG of at most `SIDE` pixels a side and `JPEG_BYTES`."""
    for side, quality in _ATTEMPTS:
        scale = min(1.0, side / max(image.shape))
        size = [max(1, round(length * scale)) for length in image.shape[1::-1]]
        small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        data = cv2.imencode('.jpg', small, (cv2.IMWRITE_JPEG_QUALITY, quality))[1].tobytes()
        if len(data) <= JPEG_BYTES:
            break
    return data


def _thumbnail(record: Record, prediction: Code | None) -> Thumbnail:
    height, width = record.truth['size']
    longest = max(height, width)
    image = read_image(record.path, decoding_step((longest, longest), (SIDE, SIDE)))
    h, w = image.shape[:2]
    # Reading at a fraction rounds each side up, so h / height and w / width differ a little.
    if abs(h * width - w * height) > height + width:
        raise InputError(f'{record.path}: {w} x {h} pixels, but its mask has {width} x {height}')
    if prediction is not None and prediction['size'] != record.truth['size']:
        found = ' x '.join(map(str, prediction['size'][::-1]))
        raise InputError(f'{record.path}: predicted on {found} pixels, not {width} x {height}')
    truth = coco_mask.decode(record.truth)
    return Thumbnail(
        small_jpeg(image),
        (round(width * SIDE / longest), round(height * SIDE / longest)),
        outline(truth),
        None if prediction is None else outline(coco_mask.decode(prediction)),
        float(truth.mean()),
        bool(truth[[0, -1]].any() or truth[:, [0, -1]].any()),
    )
