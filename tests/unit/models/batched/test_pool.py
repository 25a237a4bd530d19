"""Pooling of all levels compared with mmdet's extractor, which sorts the regions by level."""

import pytest
import torch
from mmdet.models.roi_heads.roi_extractors import SingleRoIExtractor

import isic_mmdet.register  # noqa: F401
from isic_mmdet.models.batched.pool import pool


@pytest.mark.parametrize('sampling_ratio', [0, 2])
@pytest.mark.parametrize('precision', [torch.float32, torch.bfloat16])
def test_features_and_gradients_are_those_of_the_extractor(sampling_ratio, precision):
    layer = dict(type='RoIAlign', output_size=3, sampling_ratio=sampling_ratio)
    extractor = SingleRoIExtractor(layer, 2, [4, 8, 16], finest_scale=20)
    torch.manual_seed(0)
    maps = [torch.randn(2, 2, 128 // s, 128 // s).to(precision) for s in (4, 8, 16)]
    sides = torch.tensor([0.0, 10, 39, 41, 79, 81, 120])  # an empty one, and two or more a level
    regions = torch.stack([sides % 2, 0 * sides + 3, 0 * sides + 5, sides + 3, sides + 5], 1)
    results = []
    for method in (extractor, lambda *args: pool(extractor, *args)):
        inputs = [each.clone().requires_grad_() for each in maps]
        found = method(inputs, regions)
        (found * torch.arange(found.numel()).view_as(found)).sum().backward()
        results.append([found.detach(), *(each.grad for each in inputs)])
    for expected, own in zip(*results, strict=True):
        assert own.dtype == precision
        torch.testing.assert_close(own, expected)
