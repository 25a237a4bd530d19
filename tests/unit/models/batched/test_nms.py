"""Suppression of many sets at once compared with sequential suppression."""

import numpy as np
import pytest
import torch

import isic_mmdet.register  # noqa: F401
from isic_mmdet.compat.mmcv_ops import nms
from isic_mmdet.models.batched.nms import kept_boxes


@pytest.mark.parametrize('threshold', [0.3, 0.5, 0.7])
@pytest.mark.parametrize('spread', [3, 20, 60])
def test_the_same_boxes_are_kept(threshold, spread):
    rng = np.random.default_rng(spread)
    corners = 50 + rng.normal(0, spread, (5, 150, 2))
    sides = rng.uniform(10, 40, (5, 150, 2))
    boxes = torch.tensor(np.concatenate([corners, corners + sides], 2), dtype=torch.float32)
    real = torch.tensor(rng.random((5, 150)) > 0.1)
    found = kept_boxes(boxes, real, threshold)
    falling = torch.arange(150, 0, -1).float()
    for each, can, own in zip(boxes, real, found, strict=True):
        kept = can.nonzero()[:, 0][nms(each[can], falling[can], threshold, 0)]
        assert torch.equal(own.nonzero()[:, 0], kept.sort().values)
    assert 0 < found.sum() < real.sum()


def test_a_long_chain_is_decided_to_its_end():
    # Each overlaps the next by two thirds, and none but its neighbors by half: every other stays.
    left = 20.0 * torch.arange(101)
    boxes = torch.stack([left, 0 * left, left + 100, 0 * left + 10], 1)[None]
    found = kept_boxes(boxes, torch.ones(1, 101, dtype=torch.bool), 0.65)
    assert torch.equal(found[0], torch.arange(101) % 2 == 0)


def test_an_overlap_equal_to_the_threshold_is_kept():
    boxes = torch.tensor([[[0.0, 0, 8, 1], [2, 0, 10, 1]]])  # 6 of 10
    both = torch.ones(1, 2, dtype=torch.bool)
    assert kept_boxes(boxes, both, 0.6).all()
    assert kept_boxes(boxes, both, 0.59).tolist() == [[True, False]]
