"""Writes the files and the table row of one image."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor
from pathlib import PurePosixPath
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from isic_mmdet.deploy.predict.annotations import coco_line, labelme_content
from isic_mmdet.deploy.predict.lesions import (
    FoundLesion,
    at_threshold,
    found_lesions,
    joined_levels,
    joined_mask,
)
from isic_mmdet.deploy.predict.settings import FolderSettings
from isic_mmdet.deploy.predict.table import BOX_COLUMNS
from isic_mmdet.deploy.segmentation import Segmentation
from isic_mmdet.images.encoding import encode_jpeg, encode_mask, encode_png, encode_rgb_png
from isic_mmdet.images.orientation import stored_box, stored_mask
from isic_mmdet.images.sources import SourceFile
from isic_mmdet.masks.drawing import PREDICTION, caption, draw_contours, resize_to_height
from isic_mmdet.utils.files import write_atomically, write_json

#: Largest height of an overlay in pixels.
HEIGHT = 1024


@dataclass(frozen=True, eq=False)
class LoadedImage:
    """What the results of an image need of it.

    Attributes:
        name: of its mask, see `mask_names`.
        file: the image.
        orientation: EXIF orientation of the image file.
        shown: from `shown_image`; None without an overlay.
        pixels: (H, W, 3) uint8, RGB, upright and at full size; None without crops.
    """

    name: str
    file: SourceFile
    orientation: int
    shown: NDArray[np.uint8] | None
    pixels: NDArray[np.uint8] | None


class Written(NamedTuple):
    """The row of an image for `predictions.csv`, and its line for the COCO file; '' without one."""

    row: dict[str, Any]
    coco_line: str


def write_outputs(
    settings: FolderSettings, image: LoadedImage, lesion: Segmentation, seconds: float
) -> Written:
    """Write the files of an image.

    Args:
        settings: of the folder.
        image: the overlay is drawn into `image.shown`.
        lesion: the best one in the upright image, with the others.
        seconds: time in the model.
    """
    name, orientation, shape = image.name, image.orientation, lesion.shape
    lesion = at_threshold(lesion, settings.threshold)
    found = found_lesions(lesion, settings.largest_region)
    upright = joined_mask(found, shape)
    if image.shown is not None:
        drawn = cv2.cvtColor(overlay(image.shown, upright, _title(name, found)), cv2.COLOR_BGR2RGB)
        write_atomically(settings.overlay_of(name), encode_jpeg(np.asarray(drawn, np.uint8)))
    if settings.probabilities is not None:
        levels = stored_mask(joined_levels(lesion, settings.probabilities), orientation)
        write_atomically(settings.probability_map(name), encode_png(np.ascontiguousarray(levels)))
    if image.pixels is not None and settings.crops is not None:
        for number, each in enumerate(found, 1):
            part = stored_mask(crop(image.pixels, each.lesion, settings.crops), orientation)
            write_atomically(settings.crop(name, number), encode_rgb_png(part, orientation))
    file_name = str(PurePosixPath(name).with_name(image.file.name))
    if 'labelme' in settings.formats:
        path = settings.labelme_file(name)
        write_json(path, labelme_content(found, shape, image.file, path), indent=2)
    line = coco_line(name, file_name, found, shape) if 'coco' in settings.formats else ''
    mask = stored_mask(upright, orientation)
    write_atomically(settings.mask(name), encode_mask(mask))
    area = int(np.count_nonzero(mask))
    row: dict[str, Any] = {
        'image': name,
        'file': file_name,
        'area_px': area,
        'area_share': round(area / mask.size, 6),
        'check': lesion.check,
        'seconds': round(seconds, 4),
    }
    if lesion.expected_iou is not None:
        row['expected_iou'] = round(lesion.expected_iou, 6)
    if lesion.label is not None and lesion.box is not None:
        box = stored_box(lesion.box, shape, orientation)
        row |= {'label': lesion.label, 'score': round(lesion.score, 6)}
        row |= {side: round(v, 2) for side, v in zip(BOX_COLUMNS, box, strict=True)}
    return Written(row, line)


def crop(upright: NDArray[np.uint8], lesion: Segmentation, margin: float) -> NDArray[np.uint8]:
    """Return the part of an (H, W, 3) image around the box of a lesion.

    The box grows by `margin` times its width to the left and the right, and by `margin` times its
    height up and down, as far as the image reaches.
    """
    assert lesion.box is not None
    x, y, width, height = lesion.box
    rows = _covering(y, height, margin, upright.shape[0])
    return upright[rows, _covering(x, width, margin, upright.shape[1])]


def _covering(start: float, length: float, margin: float, limit: int) -> slice:
    """Return all pixels, at least one, that a side of a box and its margins touch."""
    first, end = floor(start - margin * length), ceil(start + length + margin * length)
    first = min(max(0, first), limit - 1)
    return slice(first, max(end, first + 1))


def _title(name: str, found: Sequence[FoundLesion]) -> str:
    lesions = [f'{each.lesion.label} {each.lesion.score:.2f}' for each in found]
    return f'{name}  {", ".join(lesions) or "no detection"}'


def shown_image(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return an (H, W, 3) RGB image as BGR, at most `HEIGHT` pixels high."""
    height = min(HEIGHT, pixels.shape[0])
    return np.asarray(cv2.cvtColor(resize_to_height(pixels, height), cv2.COLOR_RGB2BGR), np.uint8)


def overlay(shown: NDArray[np.uint8], mask: NDArray[np.bool_], title: str) -> NDArray[np.uint8]:
    """Draw the contour of a mask into an image from `shown_image`, and a line of text above."""
    height, width = shown.shape[:2]
    draw_contours(shown, mask, PREDICTION, max(2, height // 200))
    line = caption(title, width, max(14, height // 28))
    return np.vstack([line, shown])
