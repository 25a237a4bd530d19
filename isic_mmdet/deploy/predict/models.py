"""The models of `predict`: a checkpoint with torch, or an exported file without."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from isic_mmdet.deploy.predict.processes import own_device
from isic_mmdet.deploy.segmentation import Segmenter
from isic_mmdet.utils.files import sha256


class Model(Protocol):
    """A model that is not loaded yet."""

    def load(self) -> Segmenter:
        """Return the model."""

    def facts(self) -> dict[str, Any]:
        """Return what identifies the model in `predictions.json`."""


@dataclass(frozen=True)
class CheckpointModel:
    """A checkpoint, run by torch and mmdet.

    Attributes:
        config: path of its config.
        checkpoint: path of its weights.
        tta: average over flips.
        device: such as 'cuda:1'; None for the GPU of the process if there is one.
        amp: compute in bfloat16.
    """

    config: str
    checkpoint: str
    tta: bool = False
    device: str | None = None
    amp: bool = False

    def load(self) -> Segmenter:
        """Return the model."""
        # Imported here, because an exported file must run without torch.
        from isic_mmdet.deploy.segmenter import LesionSegmenter

        device = self.device or own_device()
        return LesionSegmenter(self.config, self.checkpoint, device, self.tta, self.amp)

    def facts(self) -> dict[str, Any]:
        """Return what identifies the model in `predictions.json`."""
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

    def load(self) -> Segmenter:
        """Return the model."""
        # Imported here, because a checkpoint must run without ONNX Runtime.
        from isic_mmdet.deploy.onnx_segmenter import OnnxSegmenter

        return OnnxSegmenter(self.path)

    def facts(self) -> dict[str, Any]:
        """Return what identifies the model in `predictions.json`."""
        return {'onnx': Path(self.path).name, 'onnx_sha256': sha256(self.path)}
