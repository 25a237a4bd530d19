"""Writes the mask, the overlay and the table row of one image."""

from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from isic_mmdet.deploy.predict.table import BOX_COLUMNS
from isic_mmdet.deploy.segmentation import PreparedImage, Segmentation
from isic_mmdet.images.encoding import encode_jpeg, encode_mask
from isic_mmdet.images.orientation import stored_box, stored_mask
from isic_mmdet.isic.submission import mask_name
from isic_mmdet.masks.drawing import PREDICTION, caption, draw_contours, resize_to_height
from isic_mmdet.utils.files import write_atomically

#: Largest height of an overlay in pixels.
HEIGHT = 1024


@dataclass(frozen=True)
class FolderSettings:
    """How a folder is predicted.

    Attributes:
        out: folder for all results.
        overlay: draw an overlay of every image.
        batch_size: largest number of images in a batch.
        workers: number of threads that decode, and of threads that write.
    """

    out: Path
    overlay: bool
    batch_size: int
    workers: int

    def files_of(self, name: str) -> list[Path]:
        """Return the paths of the mask and, if it is drawn, of the overlay."""
        files = [self.out / mask_name(name)]
        return [*files, self.out / 'overlays' / f'{name}.jpg'] if self.overlay else files


@dataclass(frozen=True, eq=False)
class LoadedImage:
    """An image that is ready for the model.

    Attributes:
        name: of its mask, see `mask_names`.
        file_name: of the image.
        orientation: EXIF orientation of the image file.
        prepared: the image at the size of the network.
        shown: from `shown_image`; None without an overlay.
    """

    name: str
    file_name: str
    orientation: int
    prepared: PreparedImage
    shown: NDArray[np.uint8] | None


def write_outputs(
    settings: FolderSettings, image: LoadedImage, lesion: Segmentation, seconds: float
) -> dict[str, Any]:
    """Write the files of an image and return its row of `predictions.csv`.

    Args:
        settings: of the folder.
        image: the overlay is drawn into `image.shown`.
        lesion: in the upright image.
        seconds: time in the model.
    """
    mask_path, *overlay_paths = settings.files_of(image.name)
    if image.shown is not None:
        drawn = cv2.cvtColor(overlay(image.shown, lesion, image.name), cv2.COLOR_BGR2RGB)
        write_atomically(overlay_paths[0], encode_jpeg(np.asarray(drawn, np.uint8)))
    mask = stored_mask(lesion.mask, image.orientation)
    write_atomically(mask_path, encode_mask(mask))
    area = int(np.count_nonzero(mask))
    row: dict[str, Any] = {
        'image': image.name,
        'file': str(PurePosixPath(image.name).with_name(image.file_name)),
        'area_px': area,
        'area_share': round(area / mask.size, 6),
        'check': lesion.check,
        'seconds': round(seconds, 4),
    }
    if lesion.expected_iou is not None:
        row['expected_iou'] = round(lesion.expected_iou, 6)
    if lesion.label is not None and lesion.box is not None:
        box = stored_box(lesion.box, lesion.shape, image.orientation)
        row |= {'label': lesion.label, 'score': round(lesion.score, 6)}
        row |= {side: round(v, 2) for side, v in zip(BOX_COLUMNS, box, strict=True)}
    return row


def shown_image(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return an (H, W, 3) RGB image as BGR, at most `HEIGHT` pixels high."""
    height = min(HEIGHT, pixels.shape[0])
    return np.asarray(cv2.cvtColor(resize_to_height(pixels, height), cv2.COLOR_RGB2BGR), np.uint8)


def overlay(shown: NDArray[np.uint8], lesion: Segmentation, name: str) -> NDArray[np.uint8]:
    """Draw the contour of a lesion into an image from `shown_image`, and a line of text above."""
    height, width = shown.shape[:2]
    found = 'no detection' if lesion.label is None else f'{lesion.label} {lesion.score:.2f}'
    draw_contours(shown, lesion.mask, PREDICTION, max(2, height // 200))
    line = caption(f'{name}  {found}', width, max(14, height // 28))
    return np.vstack([line, shown])
