"""Overlaps and deltas compared with mmdet's."""

import pytest
import torch
from mmdet.models.task_modules.coders import DeltaXYWHBBoxCoder
from mmdet.structures.bbox import bbox_overlaps

import isic_mmdet.register  # noqa: F401
from isic_mmdet.models.batched.boxes import decode, encode, overlaps

CODERS = [
    DeltaXYWHBBoxCoder(),
    DeltaXYWHBBoxCoder((0.1, 0.0, -0.2, 0.3), (0.1, 0.1, 0.2, 0.5)),
]


def random_boxes(*shape):
    corners = 100 * torch.rand(*shape, 2, 2, generator=torch.Generator().manual_seed(len(shape)))
    return torch.cat([corners.amin(-2), corners.amax(-2)], -1)


def test_overlaps_are_mmdets():
    boxes, others = random_boxes(3, 20), random_boxes(3, 7)
    boxes[0, 0], boxes[1, 0] = 0, others[1, 3]  # an empty one, and the same
    assert torch.equal(overlaps(boxes, others), bbox_overlaps(boxes, others))


@pytest.mark.parametrize('coder', CODERS)
def test_deltas_are_mmdets(coder):
    boxes, targets = random_boxes(3, 20), random_boxes(3, 20).flip(1)
    deltas = encode(coder, boxes, targets)
    flat = coder.encode(boxes.flatten(0, 1), targets.flatten(0, 1))
    torch.testing.assert_close(deltas.flatten(0, 1), flat)
    large = 10 * deltas  # beyond the limit of growth
    for each in (deltas, large):
        expected = coder.decode(boxes.flatten(0, 1), each.flatten(0, 1))
        torch.testing.assert_close(decode(coder, boxes, each).flatten(0, 1), expected)
    torch.testing.assert_close(decode(coder, boxes, deltas), targets, atol=1e-3, rtol=1e-4)
