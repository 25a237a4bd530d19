"""Runs an exported model with ONNX Runtime, without torch and mmdet."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from isic_mmdet.deploy.metadata import ModelMetadata
from isic_mmdet.deploy.pixels import NetworkImage, ScalePreparation
from isic_mmdet.deploy.segmentation import Segmentation, Segmenter
from isic_mmdet.errors import InputError
from isic_mmdet.masks.views import FLIP_AXES, ViewPrediction, unflip


class OnnxSegmenter(Segmenter):
    """Finds the lesion in images of any size, on the CPU.

    Example::

        net = OnnxSegmenter('model.onnx')
        lesion = net('mole.jpg')
        plt.imshow(lesion.mask)

    The results agree with `isic_mmdet.deploy.LesionSegmenter` and the checkpoint. Several threads
    may use one segmenter at the same time.

    Args:
        path: file of `tools/export_onnx.py`.
        threads: number of threads; None for one per processor core.
        tta: average over the flips of the image, as `LesionSegmenter` does.

    Attributes:
        metadata: of the file.

    Raises:
        InputError: the file does not exist, this version cannot read it, or it has several
            classes, and their scores cannot be averaged.
    """

    def __init__(self, path: str | Path, threads: int | None = None, tta: bool = False) -> None:
        self._session = _session(Path(path), threads)
        entries = self._session.get_modelmeta().custom_metadata_map
        self.metadata = ModelMetadata.from_entries(entries, path)
        self.classes = self.metadata.classes
        self.preparation = ScalePreparation(
            self.metadata.scale, self.metadata.keep_ratio, self.metadata.divisor
        )
        self.batch_size = self.metadata.batch
        self.calibration = self.metadata.expected_iou
        self.threshold = self.metadata.mask_threshold
        self._flips = tuple(FLIP_AXES) if tta else (None,)
        if tta and len(self.classes) > 1:
            raise InputError(
                f'{path} returns the score of one of its {len(self.classes)} classes, and --tta '
                'averages all; use --tta with --config and --checkpoint, or omit it'
            )

    def feeds(self, images: Sequence[NetworkImage]) -> dict[str, NDArray[Any]]:
        """Return the inputs of the graph for images of one padded size.

        A graph for a fixed number of images gets the last image several times.
        """
        filled = [*images, *[images[-1]] * ((self.batch_size or len(images)) - len(images))]
        return {
            'image': np.stack([image.pixels for image in filled]),
            'size': np.array([image.size for image in filled], np.int64),
        }

    def predict_batch(self, prepared: Sequence[NetworkImage]) -> list[Segmentation]:
        """See `Segmenter.predict_batch`."""
        views = [self._detections(prepared, direction) for direction in self._flips]
        return [
            self.merged(found, image.frame) for image, *found in zip(prepared, *views, strict=True)
        ]

    def _detections(
        self, images: Sequence[NetworkImage], direction: str | None
    ) -> list[ViewPrediction | None]:
        """Return what the graph finds in flipped images, in pixels of the full images."""
        feeds = self.feeds([image.flipped(direction) for image in images])
        outputs = self._session.run(['score', 'label', 'box', 'mask'], feeds)
        found: list[ViewPrediction | None] = []
        # A graph for a fixed number of images returns more results than there are images.
        for image, score, label, box, mask in zip(images, *outputs, strict=False):
            if score <= self.metadata.score_threshold:
                found.append(None)
                continue
            upright = unflip(mask, box.tolist(), image.size, direction)
            view = image.to_full(upright.cells, upright.box)
            found.append(ViewPrediction(view, {int(label): float(score)}))
        return found


def _session(path: Path, threads: int | None) -> onnxruntime.InferenceSession:
    if not path.is_file():
        raise InputError(f'{path}: no such model; write one with tools/export_onnx.py')
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or 0
    options.log_severity_level = 3  # errors only; they are also raised
    # The last level of optimization keeps a second copy of the weights, and a memory pattern fits
    # only one image size. With a ResNet-50 at 512 px they cost 135 MB on top of 325 MB and save
    # less than 10 % of the time.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.enable_mem_pattern = False
    try:
        return onnxruntime.InferenceSession(path, options, providers=['CPUExecutionProvider'])
    except Exception as error:
        # ONNX Runtime's exceptions have no common class, and their messages have many lines.
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise InputError(
            f'{path} is not a model that can be run ({reason}); export it again with '
            'tools/export_onnx.py'
        ) from error
