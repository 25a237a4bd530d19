import pytest
import torch
from torchvision.models.detection.faster_rcnn import _default_anchorgen
from torchvision.models.detection.image_list import ImageList

import isic_mmdet.register  # noqa: F401
from isic_mmdet.models.torchvision import anchors as torchvision_anchors

LEVELS = {'strides': [4, 8, 16, 32, 64], 'scales': [8], 'ratios': [0.5, 1.0, 2.0]}


def level_sizes(height: int, width: int) -> list[tuple[int, int]]:
    """Return (rows, columns) of P2 to P6 for an input padded to multiples of 32."""
    sizes = [(height // stride, width // stride) for stride in (4, 8, 16, 32)]
    return [*sizes, (-(-height // 64), -(-width // 64))]


# P6 is 64 px apart on sides that are multiples of 64, and closer on the others.
@pytest.mark.parametrize(
    'size', [(192, 256), (160, 224), (288, 288), (32, 96), (608, 800)], ids='{0[0]}x{0[1]}'.format
)
def test_anchors_are_torchvisions(size):
    sizes = level_sizes(*size)
    mine = torchvision_anchors.TorchvisionAnchorGenerator(**LEVELS).grid_priors(sizes, device='cpu')
    images = ImageList(torch.empty(1, 3, *size), [size])
    reference = _default_anchorgen()(images, [torch.empty(1, 1, *level) for level in sizes])[0]
    assert [len(level) for level in mine] == [3 * rows * columns for rows, columns in sizes]
    assert torch.equal(torch.cat(mine), reference)


def test_stock_anchors_differ():
    stock = torchvision_anchors.AnchorGenerator(**LEVELS)
    mine = torchvision_anchors.TorchvisionAnchorGenerator(**LEVELS)
    sizes = level_sizes(160, 224)
    offset = mine.grid_priors(sizes, device='cpu')[4] - stock.grid_priors(sizes, device='cpu')[4]
    # P6 has 3 x 4 cells, 53 x 56 px: its last anchor is 22 px higher and 24 px further left.
    assert torch.allclose(offset[-1], torch.tensor([-24.0, -22, -24, -22]), atol=1)


def test_anchors_have_the_asked_type():
    generator = torchvision_anchors.TorchvisionAnchorGenerator(**LEVELS)
    levels = generator.grid_priors(level_sizes(64, 64), torch.float64, 'cpu')
    assert {level.dtype for level in levels} == {torch.float64}


def test_an_anchor_in_the_padding_counts():
    generator = torchvision_anchors.TorchvisionAnchorGenerator(**LEVELS)
    sizes = level_sizes(192, 256)
    flags = generator.valid_flags(sizes, (64, 64, 3), device='cpu')
    assert [len(level) for level in flags] == [3 * rows * columns for rows, columns in sizes]
    assert all(level.all() for level in flags)
