"""What predicts a folder: a checkpoint with torch, or an exported file without."""

from collections.abc import Hashable, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from isic_mmdet.deploy.segmentation import Segmentation
from isic_mmdet.images.frame import Frame


class PreparedImage(Protocol):
    """An image as a model wants it."""

    @property
    def shape(self) -> Hashable:
        """Its size in the model; images of one shape may go through the model together."""


class Predictor(Protocol):
    """`isic_mmdet.deploy.LesionSegmenter`, `isic_mmdet.deploy.OnnxSegmenter`, or the like."""

    def reduction(self, height: int, width: int) -> int:
        """Return how many pixels along each side may be read as one without loss."""

    def prepare(self, image: NDArray[np.uint8], frame: Frame) -> PreparedImage:
        """Return an image, (h, w, 3) uint8, RGB, as the model wants it."""

    def predict(self, prepared: Sequence[Any]) -> list[Segmentation]:
        """Return the lesions of images from `prepare`."""
