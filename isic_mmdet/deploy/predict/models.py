"""The models of `predict`: a checkpoint with torch, or an exported file without."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from isic_mmdet.deploy.segmentation import Segmenter
from isic_mmdet.prepare.pool import start_server
from isic_mmdet.utils.files import sha256

#: The module of what prepares images for a checkpoint.
PREPARATION = 'isic_mmdet.deploy.preparation'


class Model(NamedTuple):
    """A model that is not loaded yet.

    Attributes:
        load: returns the model.
        facts: returns what identifies the model in `predictions.json`.
    """

    load: Callable[[], Segmenter]
    facts: Callable[[], dict[str, Any]]


def checkpoint_model(
    config: str,
    checkpoint: str,
    tta: bool = False,
    device: str | None = None,
    amp: bool = False,
    max_lesions: int = 1,
) -> Model:
    """Return a checkpoint, run by torch and mmdet; see `LesionSegmenter`.

    Without a `device`, it runs on the GPU of this process, or on the CPU if there is none.
    """

    def load() -> Segmenter:
        # Imported here, because an exported file must run without torch.
        import torch

        own = f'cuda:{os.environ.get("LOCAL_RANK", 0)}' if torch.cuda.is_available() else 'cpu'
        chosen = device or own
        if chosen != 'cpu':
            start_server(PREPARATION)  # imports while the model loads
        from isic_mmdet.deploy.segmenter import LesionSegmenter

        return LesionSegmenter(config, checkpoint, chosen, tta, amp, max_lesions)

    def facts() -> dict[str, Any]:
        return {
            'config': Path(config).name,
            'checkpoint': Path(checkpoint).name,
            'checkpoint_sha256': sha256(checkpoint),
            'tta': tta,
            'amp': amp,
        }

    return Model(load, facts)


def onnx_model(path: str | Path, tta: bool = False) -> Model:
    """Return a file of `tools/export_onnx.py`, run by ONNX Runtime; see `OnnxSegmenter`."""

    def load() -> Segmenter:
        # Imported here, because a checkpoint must run without ONNX Runtime.
        from isic_mmdet.deploy.onnx_segmenter import OnnxSegmenter

        return OnnxSegmenter(path, tta=tta)

    def facts() -> dict[str, Any]:
        return {'onnx': Path(path).name, 'onnx_sha256': sha256(path), 'tta': tta or None}

    return Model(load, facts)
