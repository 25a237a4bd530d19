"""Brings images to the size of the network with the test pipeline of a config."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import ceil, prod
from typing import Any

import cv2
import numpy as np
import torch
from mmcv.transforms import Compose
from mmengine.config import ConfigDict
from numpy.typing import NDArray

# The transforms of most pipelines. Processes that prepare images are forked from one that imports
# this module, and unpickling a pipeline would otherwise import mmdet in each of them.
import isic_mmdet.datasets.transforms  # noqa: F401
from isic_mmdet.datasets.same_size_batches import padded_shape
from isic_mmdet.deploy.segmentation import Preparation
from isic_mmdet.errors import InputError
from isic_mmdet.images.frame import Frame, reduction, shrunk


@dataclass(frozen=True, eq=False)
class Prepared:
    """An image at the size of the network.

    Attributes:
        views: outputs of the test pipeline; several with test-time augmentation.
        shape: height and width of each view after padding, in pixels.
        frame: position of the pixels of the views in the full image.
    """

    views: list[dict[str, Any]]
    shape: tuple[tuple[int, int], ...]
    frame: Frame

    def without_pixels(self) -> tuple['Prepared', list[NDArray[Any]]]:
        """Return the image without its pixels, to be sent to another process, and the pixels."""
        pixels = [np.ascontiguousarray(view['inputs'].numpy()) for view in self.views]
        views = [
            {**view, 'inputs': (array.shape, array.dtype.str)}
            for view, array in zip(self.views, pixels, strict=True)
        ]
        return replace(self, views=views), pixels

    def with_pixels(self, data: NDArray[np.uint8]) -> tuple['Prepared', NDArray[np.uint8]]:
        """Return an image of `without_pixels` as it was, and the rest of the data.

        Args:
            data: bytes of its pixels, and more.
        """
        views = []
        for view in self.views:
            shape, kind = view['inputs']
            size = prod(shape) * np.dtype(kind).itemsize
            pixels, data = data[:size].view(kind).reshape(shape), data[size:]
            views.append({**view, 'inputs': torch.from_numpy(pixels)})
        return replace(self, views=views), data


class PipelinePreparation(Preparation):
    """Prepares images with a test pipeline.

    Args:
        pipeline: of the config.
        config: its path, for messages.
        divisor: the images are padded to multiples of it.
        in_boxes: the model predicts masks in boxes, see `predicts_box_masks`; otherwise masks of
            the complete image, which stay small.

    Raises:
        InputError: the pipeline does not load images from files.
    """

    def __init__(
        self, pipeline: Sequence[ConfigDict], config: str, divisor: int, in_boxes: bool
    ) -> None:
        self._pipeline = Compose(_array_pipeline(pipeline, config))
        self._sizes = list(_sizes(pipeline))
        self._divisor = divisor
        self._in_boxes = in_boxes

    def reduction(self, height: int, width: int) -> int:
        """See `Preparation.reduction`."""
        return reduction(min((_shrunk(step, height, width) for step in self._sizes), default=1))

    def resized(self, image: NDArray[np.uint8], frame: Frame) -> Prepared:
        """See `Preparation.resized`."""
        bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
        # The scale factor is that of a pipeline without Resize.
        inputs = self._pipeline({'img': bgr, 'img_id': 0, 'scale_factor': (1.0, 1.0)})
        views = _views(inputs)
        if not self._in_boxes:
            frame = _with_small_masks(views, frame)
        shape = tuple(padded_shape(view['inputs'].shape[-2:], self._divisor) for view in views)
        return Prepared(views, shape, frame)


def _array_pipeline(pipeline: Sequence[ConfigDict], config: str) -> list[dict[str, Any]]:
    """Return a test pipeline that takes an array instead of a file, without annotations."""
    steps = [step for step in pipeline if step.type != 'LoadAnnotations']
    if 'LoadImageFromFile' not in [step.type for step in steps]:
        raise InputError(
            f'{config}: the test pipeline has no LoadImageFromFile; add it as the first step, '
            'because it is replaced to predict images in memory'
        )
    return [
        {**step, 'type': 'LoadImageFromNDArray'} if step.type == 'LoadImageFromFile' else step
        for step in steps
    ]


def _views(inputs: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the views of `TestTimeAug`, or the only view."""
    if not isinstance(inputs['inputs'], list):
        return [inputs]
    return [dict(zip(inputs, view, strict=True)) for view in zip(*inputs.values(), strict=True)]


def _with_small_masks(views: Sequence[dict[str, Any]], frame: Frame) -> Frame:
    """Let masks of the complete image be less than four times as large as the network's input.

    That holds for the side of the image that is shrunk less; pixels of the masks stay square.

    Args:
        views: outputs of the test pipeline; their samples are changed.
        frame: position of the pixels of the image.

    Returns:
        The position of the pixels of the masks.
    """
    samples = [view['data_samples'] for view in views]
    shapes = [(*sample.ori_shape[:2], *sample.img_shape[:2]) for sample in samples]
    step = max(1, int(min(min(h / rows, w / columns) for h, w, rows, columns in shapes) / 2))
    for sample, (height, width, rows, columns) in zip(samples, shapes, strict=True):
        size = ceil(height / step), ceil(width / step)
        scale = columns / size[1], rows / size[0]
        sample.set_metainfo({'ori_shape': size, 'scale_factor': scale})
    return replace(frame, step=frame.step * step)


def _sizes(pipeline: Sequence[ConfigDict]) -> Iterator[ConfigDict]:
    """Yield every `Resize` with a scale, including those in test-time augmentation."""
    for step in pipeline:
        if step.type == 'Resize' and step.get('scale'):
            yield step
        for branch in step.get('transforms', ()):
            yield from _sizes(branch)


def _shrunk(resize: ConfigDict, height: int, width: int) -> float:
    """Return by how much a `Resize` shrinks the side of an image that it shrinks less."""
    scale = resize.scale if isinstance(resize.scale, Sequence) else (resize.scale, resize.scale)
    return shrunk(height, width, scale, resize.get('keep_ratio', False))
