"""The truth of a batch as tensors whose shapes hardly ever change.

N images, G lesions in an image, padded. G is the lowest power of two that holds the lesions of
every image, and at least 1. Official images have one lesion, so G is 1 there, and each other G
needs a compiled or captured step of its own.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from mmdet.structures import DetDataSample
from torch import Tensor


class Truth(NamedTuple):
    """Lesions and sizes of the images of a batch; H and W are the size of the padded batch."""

    boxes: Tensor  # (N, G, 4) float32 as (x1, y1, x2, y2) in pixels
    labels: Tensor  # (N, G) int64
    masks: Tensor  # (N, G, H, W) uint8
    real: Tensor  # (N, G) bool: a lesion, no padding
    sizes: Tensor  # (N, 2) float32: width and height of the image
    padded: Tensor  # (N, 2) float32: the same, each rounded up to the divisor of the padding


def collect(samples: Sequence[DetDataSample], device: torch.device) -> Truth:
    """Return the truth of the samples on a device.

    Args:
        samples: with boxes and labels on the device and masks of the size of the batch.
        device: of the images.
    """
    truths = [sample.gt_instances for sample in samples]
    boxes, real = pad([truth.bboxes for truth in truths])
    labels, _ = pad([truth.labels for truth in truths])
    masks = [truth.masks.to_ndarray() for truth in truths]
    padded_masks = np.zeros((*real.shape, *masks[0].shape[1:]), np.uint8)
    for into, each in zip(padded_masks, masks, strict=True):
        into[: len(each)] = each
    return Truth(
        boxes,
        labels,
        torch.from_numpy(padded_masks).to(device),
        real,
        sides([sample.img_shape for sample in samples], device),
        sides([sample.pad_shape for sample in samples], device),
    )


def sides(shapes: Sequence[Sequence[int]], device: torch.device) -> Tensor:
    """Return (N, 2) float32, width and height, of N shapes (height, width, ...)."""
    return torch.tensor([shape[1::-1] for shape in shapes], dtype=torch.float32).to(device)


def pad(values: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Return (N, G, ...) values, padded with zeros, and (N, G) bool, which of them are real.

    Args:
        values: (g, ...) for each of N images.
    """
    counts = [len(each) for each in values]
    most = 1 << max(max(counts) - 1, 0).bit_length()
    rows = [image * most + place for image, count in enumerate(counts) for place in range(count)]
    flat = torch.cat(list(values))
    index = torch.tensor(rows, dtype=torch.int64).to(flat.device)
    padded = flat.new_zeros(len(counts) * most, *flat.shape[1:]).index_copy(0, index, flat)
    real = padded.new_zeros(len(padded), dtype=torch.bool).index_fill(0, index, True)
    return padded.unflatten(0, (-1, most)), real.unflatten(0, (-1, most))
