"""Thumbnails for the gallery: small JPEGs, and the outlines of the masks as SVG paths."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from isic_mmdet.errors import InputError
from isic_mmdet.report.page.dataset import Mask, Record

#: Longest side of a thumbnail in pixels, and of the coordinates of its outlines.
SIDE = 512
#: Maximum bytes of one JPEG. In base64 they are 53,332 characters, so that 1,000 images with
#: their outlines stay below 60 MB.
JPEG_BYTES = 39_999
_ATTEMPTS = ((SIDE, 85), (SIDE, 75), (SIDE, 60), (384, 60), (256, 50))  # side, JPEG quality
_OUTLINE_CHARACTERS = 2_500
_TOLERANCES = (0.5, 1.0, 2.0, 4.0)


@dataclass(frozen=True)
class Thumbnail:
    """What the gallery shows of an image.

    Attributes:
        jpeg: the image, shrunk.
        frame: (width, height) that the outlines refer to, the longer one `SIDE`.
        truth: outline of the true mask as an SVG path.
        prediction: outline of the predicted mask, None without a detection.
        lesion_share: of the image's area, in [0, 1].
        touches_border: whether the lesion reaches the border of the image.
    """

    jpeg: bytes
    frame: tuple[int, int]
    truth: str
    prediction: str | None
    lesion_share: float
    touches_border: bool


def make_thumbnails(
    records: Mapping[str, Record], predictions: Mapping[str, Mask], show_progress: bool = True
) -> dict[str, Thumbnail]:
    """Return the thumbnail of every record, by its id.

    Args:
        records: the images and their true masks.
        predictions: their predicted masks, if any.
        show_progress: in a bar.

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


def outline(mask: NDArray[np.bool_]) -> str:
    """Return the borders of a mask, including those of its holes, as an SVG path.

    Args:
        mask: (H, W) bool. The longer side is `SIDE` units long, the origin the top left corner
            of the image.

    Returns:
        Closed lines through the centers of the border's pixels, within half a unit where that
        is possible with few points; '' for an empty mask.
    """
    found, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    scale = SIDE / max(mask.shape)
    lines = [((points + 0.5) * scale).astype(np.float32) for points in found]
    for tolerance in _TOLERANCES:
        path = ''.join(_closed(cv2.approxPolyDP(line, tolerance, True)[:, 0]) for line in lines)
        if len(path) <= _OUTLINE_CHARACTERS:
            break
    return path


def small_jpeg(image: NDArray[np.uint8]) -> bytes:
    """Return an image as a JPEG of at most `SIDE` pixels a side and `JPEG_BYTES` bytes.

    Args:
        image: (H, W, 3) uint8, BGR.
    """
    for side, quality in _ATTEMPTS:
        scale = min(1.0, side / max(image.shape))
        size = [max(1, round(length * scale)) for length in image.shape[1::-1]]
        small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        coded, data = cv2.imencode('.jpg', small, (cv2.IMWRITE_JPEG_QUALITY, quality))
        if not coded:
            raise RuntimeError('OpenCV cannot encode a JPEG')
        if len(data) <= JPEG_BYTES:
            break
    return data.tobytes()


def _thumbnail(record: Record, prediction: Mask | None) -> Thumbnail:
    height, width = record.truth.size
    image = _read(record.path, max(height, width))
    h, w = image.shape[:2]
    # Reading at a fraction rounds each side up, so h / height and w / width differ a little.
    if abs(h * width - w * height) > height + width:
        raise InputError(f'{record.path}: {w} x {h} pixels, but its mask has {width} x {height}')
    if prediction is not None and prediction.size != record.truth.size:
        found = ' x '.join(map(str, prediction.size[::-1]))
        raise InputError(f'{record.path}: predicted on {found} pixels, not {width} x {height}')
    truth = record.truth.decode()
    scale = SIDE / max(height, width)
    edges = (truth[0], truth[-1], truth[:, 0], truth[:, -1])
    return Thumbnail(
        small_jpeg(image),
        (round(width * scale), round(height * scale)),
        outline(truth),
        None if prediction is None else outline(prediction.decode()),
        float(truth.mean()),
        any(bool(edge.any()) for edge in edges),
    )


def _read(path: Path, longest: int) -> NDArray[np.uint8]:
    """Return an image, decoded at a fraction of its size where that is large enough."""
    flag = cv2.IMREAD_COLOR
    for factor, reduced in (
        (8, cv2.IMREAD_REDUCED_COLOR_8),
        (4, cv2.IMREAD_REDUCED_COLOR_4),
        (2, cv2.IMREAD_REDUCED_COLOR_2),
    ):
        if longest >= factor * SIDE:
            flag = reduced
            break
    try:
        image = cv2.imread(str(path), flag) if path.is_file() else None
    except cv2.error:
        image = None  # the size in its header is above OpenCV's limit
    if image is None:
        raise InputError(f'{path}: missing, or not an image')
    return np.asarray(image, np.uint8)


def _closed(points: NDArray[np.float32]) -> str:
    return 'M' + 'L'.join(f'{x:.1f} {y:.1f}' for x, y in points) + 'Z'
