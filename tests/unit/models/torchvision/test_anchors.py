import pytest
import torch
from mmdet.models.task_modules import AnchorGenerator
from torchvision.models.detection.anchor_utils import AnchorGenerator as TorchvisionAnchors
from torchvision.models.detection.image_list import ImageList

import isic_mmdet.register  # noqa: F401
from isic_mmdet.models.torchvision.anchors import TorchvisionAnchorGenerator

LEVELS = {'strides': [4, 8, 16, 32, 64], 'scales': [8], 'ratios': [0.5, 1.0, 2.0]}


def level_sizes(height: int, width: int) -> list[tuple[int, int]]:
    """Return (rows, columns) of P2 to P6 for an input padded to multiples of 32."""
    sizes = [(height // stride, width // stride) for stride in (4, 8, 16, 32)]
    return [*sizes, (-(-height // 64), -(-width // 64))]


# P6 is 64 px apart on sides that are multiples of 64, and closer on the others.
@pytest.mark.parametrize('size', [(192, 256), (160, 224), (288, 288), (32, 96), (608, 800)])
def test_anchors_are_torchvisions(size):
    sizes = level_sizes(*size)
    generator = TorchvisionAnchorGenerator(**LEVELS)
    anchors = generator.grid_priors(sizes, torch.float64, 'cpu')
    assert [len(level) for level in anchors] == [3 * rows * columns for rows, columns in sizes]
    reference = TorchvisionAnchors(
        tuple((side,) for side in (32, 64, 128, 256, 512)), ((0.5, 1.0, 2.0),) * 5
    )
    maps = [torch.empty(1, 1, *level) for level in sizes]
    (expected,) = reference(ImageList(torch.empty(1, 3, *size), [size]), maps)
    assert torch.equal(torch.cat(anchors), expected.double())
    # Anchors in the padding of a smaller image are valid, too.
    flags = generator.valid_flags(sizes, (32, 32, 3), device='cpu')
    assert [len(level) for level in flags] == [len(level) for level in anchors]
    assert all(level.all() for level in flags)


def test_anchors_of_mmdet_differ():
    sizes = level_sizes(160, 224)
    levels = [
        kind(**LEVELS).grid_priors(sizes, device='cpu')
        for kind in (TorchvisionAnchorGenerator, AnchorGenerator)
    ]
    # P6 has 3 x 4 cells, 53 x 56 px: its last anchor is 22 px higher and 24 px further left.
    offset = (levels[0][4] - levels[1][4])[-1]
    assert torch.allclose(offset, torch.tensor([-24.0, -22, -24, -22]), atol=1)
