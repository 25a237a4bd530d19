"""The models that predict folders: a checkpoint with torch, or an exported file without."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from isic_mmdet.deploy.predict.processes import own_device
from isic_mmdet.deploy.segmentation import Segmentation
from isic_mmdet.images.frame import Frame
from isic_mmdet.utils.files import sha256


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


class Model(Protocol):
    """A model that is not loaded yet."""

    def load(self) -> Predictor:
        """Return the model."""

    def facts(self) -> dict[str, Any]:
        """Return what distinguishes its predictions from those of another model."""


@dataclass(frozen=True)
class CheckpointModel:
    """A checkpoint, run by torch and mmdet.

    Attributes:
        config: path of its config.
        checkpoint: path of its weights.
        tta: whether it averages over flips.
        device: such as 'cuda:1'; None takes the GPU of the process if there is one.
        amp: whether it computes in bfloat16.
    """

    config: str
    checkpoint: str
    tta: bool = False
    device: str | None = None
    amp: bool = False

    def load(self) -> Predictor:
        """Return the model."""
        # Imported here, because an exported file needs no torch.
        from isic_mmdet.deploy.segmenter import LesionSegmenter

        device = self.device or own_device()
        return LesionSegmenter(self.config, self.checkpoint, device, self.tta, self.amp)

    def facts(self) -> dict[str, Any]:
        """Return what distinguishes its predictions from those of another model."""
        return {
            'config': Path(self.config).name,
            'checkpoint': Path(self.checkpoint).name,
            'checkpoint_sha256': sha256(self.checkpoint),
            'tta': self.tta,
            'amp': self.amp,
        }


@dataclass(frozen=True)
class OnnxModel:
    """A file of `tools/export_onnx.py`, run by ONNX Runtime.

    Attributes:
        path: of the file.
    """

    path: str

    def load(self) -> Predictor:
        """Return the model."""
        # Imported here, because a checkpoint needs no ONNX Runtime.
        from isic_mmdet.deploy.onnx_segmenter import OnnxSegmenter

        return OnnxSegmenter(self.path)

    def facts(self) -> dict[str, Any]:
        """Return what distinguishes its predictions from those of another model."""
        return {'onnx': Path(self.path).name, 'onnx_sha256': sha256(self.path)}
