"""The result for one image, and what both segmenters share."""

from abc import ABC, abstractmethod
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from isic_mmdet.datasets.same_size_batches import batches_of_one_shape
from isic_mmdet.errors import InputError
from isic_mmdet.evaluation.expected_iou import ExpectedIoU
from isic_mmdet.images.decoding import UnreadableError
from isic_mmdet.images.encoding import encode_mask
from isic_mmdet.images.frame import Frame
from isic_mmdet.images.reading import MODES, read_image, rgb_pixels
from isic_mmdet.images.sources import SourceFile
from isic_mmdet.masks.paste import (
    BoxCells,
    mask_confidence,
    paste_levels,
    paste_mask,
    paste_probability,
)
from isic_mmdet.masks.views import ViewPrediction, merge_views
from isic_mmdet.utils.files import write_atomically

#: Path of a file, image of Pillow, or (H, W, 3) uint8 array.
AnyImage: TypeAlias = str | Path | Image.Image | NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Segmentation:
    """The lesion of one image of H x W pixels, or no lesion.

    It holds only the cells that the model predicted, a few kilobytes for an image of any size.
    Arrays of the size of the image are computed on access.

    Attributes:
        shape: H and W.
        views: predictions of the views of the image (one; several with test-time augmentation),
            with boxes in pixels of the image; see `isic_mmdet.masks.paste`.
        number: number of views; a view without a detection counts with probability 0.
        threshold: a pixel belongs to the lesion if its mean probability is above this.
        score: confidence of the detection in [0, 1]; 0 without a detection.
        label: name of its class; None without a detection.
        box: x, y, width, height in pixels; None without a detection.
        calibration: of the expected IoU; None if the model has none.
        others: further lesions of the image if several were asked for, the highest score first.
    """

    shape: tuple[int, int]
    views: tuple[BoxCells, ...] = field(repr=False)  # hundreds of numbers
    number: int = field(repr=False)
    threshold: float = field(repr=False)
    score: float
    label: str | None
    box: tuple[float, float, float, float] | None
    calibration: ExpectedIoU | None = field(default=None, repr=False)
    others: tuple['Segmentation', ...] = field(default=(), repr=False)

    @cached_property
    def expected_iou(self) -> float | None:
        """IoU that the mask is expected to have, 0 without a detection; None if not known."""
        if self.calibration is None:
            return None
        if self.label is None:
            return 0.0
        confidence = mask_confidence(self.views, self.number, self.threshold)
        return self.calibration(self.score, confidence)

    @property
    def check(self) -> bool | None:
        """Whether a person should check the mask; None if not known."""
        if self.calibration is None or self.expected_iou is None:
            return None
        return self.calibration.needs_check(self.expected_iou)

    @cached_property
    def mask(self) -> NDArray[np.bool_]:
        """(H, W) bool, True in the lesion. Computed once."""
        return paste_mask(self.views, self.number, self.shape, self.threshold)

    @property
    def levels(self) -> NDArray[np.uint8]:
        """(H, W) uint8, the probability in steps of 1/255. Computed on every access.

        With a threshold of 0.5, the mask is `levels > 127`.
        """
        return np.asarray(paste_levels(self.views, self.number, self.shape), np.uint8)

    @property
    def probability(self) -> NDArray[np.float32]:
        """(H, W) float32, probability of the lesion in [0, 1]. Computed on every access."""
        return paste_probability(self.views, self.number, self.shape)

    def save(self, path: str | Path) -> None:
        """Write the mask as PNG, 255 in the lesion and 0 elsewhere."""
        write_atomically(path, encode_mask(self.mask))


class PreparedImage(Protocol):
    """An image at the size of the network."""

    @property
    def shape(self) -> Hashable:
        """Its padded size; images of one shape may share a batch."""


class Preparation(ABC):
    """Brings images to the size of the network; it can be sent to other processes."""

    @abstractmethod
    def reduction(self, height: int, width: int) -> int:
        """Return the factor, at least 1, by which an image may be reduced on reading without loss.

        Height and width may be exchanged, because an image may be stored rotated.
        """

    def prepare(self, image: NDArray[np.uint8], frame: Frame | None = None) -> Any:
        """Return an image at the size of the network. Several threads may call it.

        Args:
            image: (h, w, 3) uint8, RGB.
            frame: position of its pixels in the full image; None if it is the full image.

        Raises:
            ValueError: the array has another type or shape, or a side so short that it has no
                pixels at the size of the network.
        """
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or not image.size:
            raise ValueError(
                f'expected an (H, W, 3) uint8 image, RGB, got {image.dtype} of {image.shape}'
            )
        height, width = image.shape[:2]
        try:
            return self.resized(image, frame or Frame((height, width)))
        except cv2.error as error:
            raise ValueError(
                f'{width} x {height} pixels cannot be resized for the model'
            ) from error

    @abstractmethod
    def resized(self, image: NDArray[np.uint8], frame: Frame) -> PreparedImage:
        """Return an image for `predict_batch`; raises a `cv2.error` if nothing is left of it."""


class Segmenter(ABC):
    """Finds the lesion in images of any size.

    Attributes:
        classes: names that `Segmentation.label` can have.
        batch_size: largest number of images that the model takes together; None for any number.
        calibration: of the expected IoU; None if the model has none.
        threshold: a pixel belongs to the lesion if its probability is above this.
        preparation: brings images to the size of the network.
        on_gpu: the model computes on another device than the CPU.
    """

    classes: tuple[str, ...]
    preparation: Preparation
    on_gpu: bool = False
    batch_size: int | None = None
    calibration: ExpectedIoU | None = None
    threshold: float

    def __call__(self, image: AnyImage) -> Segmentation:
        """Return the lesion of one image; see `batch`."""
        return self.batch([image])[0]

    def batch(self, images: Sequence[AnyImage]) -> list[Segmentation]:
        """Return the lesions of images of any sizes, in their order.

        Args:
            images: each the path of a file; an image of Pillow; or an (H, W, 3) uint8 array, RGB
                (convert those of `cv2.imread` with `image[..., ::-1]`). Files and images of Pillow
                are brought upright by their EXIF orientation, and so are the results.

        Raises:
            InputError: a file cannot be read.
            ValueError: an array or an image is not usable, see `Preparation.prepare`.
        """
        return self.predict([self._prepared(image) for image in images])

    def _prepared(self, image: AnyImage) -> Any:
        if isinstance(image, np.ndarray):
            return self.preparation.prepare(image)
        if isinstance(image, Image.Image):
            if image.mode not in MODES:
                raise ValueError(f'an image of mode {image.mode}; use image.convert("RGB")')
            return self.preparation.prepare(rgb_pixels(ImageOps.exif_transpose(image)))
        path = Path(image)
        try:
            read = read_image(
                SourceFile(path, None, path.stat().st_size, 0), self.preparation.reduction
            )
            return self.preparation.prepare(read.pixels, read.frame)
        except (UnreadableError, OSError, ValueError) as error:
            raise InputError(f'{path}: {error}; use another image') from error

    def predict(self, prepared: Sequence[Any]) -> list[Segmentation]:
        """Return the lesions of images from `preparation`, in their order.

        Only images of one padded size share a batch, so that no image depends on the others.
        """
        found: dict[int, Segmentation] = {}
        for batch in batches_of_one_shape(
            range(len(prepared)), lambda index: prepared[index].shape, self.batch_size
        ):
            lesions = self.predict_batch([prepared[index] for index in batch])
            found |= dict(zip(batch, lesions, strict=True))
        return [found[index] for index in range(len(prepared))]

    def merged(self, found: Sequence[ViewPrediction | None], frame: Frame) -> Segmentation:
        """Return the lesion that the views of an image show.

        Args:
            found: in pixels of the full image; None for a view without a detection.
            frame: of the image.
        """
        predictions = [each for each in found if each is not None]
        merged = merge_views(predictions, len(found))
        if merged is None:
            score, label, box = 0.0, None, None
        else:
            score, label, box = merged.score, self.classes[merged.label], frame.inside(merged.box)
        views = tuple(prediction.view for prediction in predictions)
        number, threshold = len(found), self.threshold
        return Segmentation(
            frame.shape, views, number, threshold, score, label, box, self.calibration
        )

    @abstractmethod
    def predict_batch(self, prepared: Sequence[Any]) -> list[Segmentation]:
        """Return the lesions of at most `batch_size` images of one padded size."""
