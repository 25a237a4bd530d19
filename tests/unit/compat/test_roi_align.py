"""RoIAlign through mmcv's function, compared with torchvision, geometry and differences."""

import pytest
import torch
import torchvision
from mmcv.ops import RoIAlign, roi_align

from isic_mmdet.compat.missing import MissingOperatorError

DEVICES = ['cpu', pytest.param('cuda', marks=pytest.mark.gpu)]
HALF = [torch.float16, torch.bfloat16]


def features_and_rois(dtype=torch.float32, device='cpu'):
    """Return (2, 3, 12, 16) features and (5, 5) regions of an image four times as large."""
    generator = torch.Generator().manual_seed(0)
    features = torch.rand(2, 3, 12, 16, generator=generator, dtype=torch.float64)
    rois = torch.tensor(
        [
            [0, 1.3, 2.1, 30.7, 40.2],
            [1, 0, 0, 64, 48],
            [1, 50.5, 40.5, 80, 70],  # reaches out of the image
            [0, 10.2, 10.2, 10.6, 10.9],  # smaller than a bin
            [0, -9, -9, 20, 20],
        ]
    )
    return features.to(device, dtype), rois.to(device, dtype)


@pytest.mark.parametrize('device', DEVICES)
@pytest.mark.parametrize('aligned', [True, False])
@pytest.mark.parametrize('sampling_ratio', [0, 2])
@pytest.mark.parametrize('size', [7, (3, 5)])
def test_values_and_gradients_are_those_of_torchvision(device, aligned, sampling_ratio, size):
    features, rois = features_and_rois(device=device)
    results = []
    for function in (
        lambda x: roi_align(x, rois, size, 0.25, sampling_ratio, 'avg', aligned),
        lambda x: torchvision.ops.roi_align(x, rois, size, 0.25, sampling_ratio, aligned),
    ):
        leaf = features.clone().requires_grad_()
        pooled = function(leaf)
        (pooled * torch.arange(pooled.numel(), device=device).view_as(pooled)).sum().backward()
        results.append((pooled, leaf.grad))
    assert torch.equal(results[0][0], results[1][0])
    torch.testing.assert_close(results[0][1], results[1][1])


@pytest.mark.parametrize('aligned', [True, False])
@pytest.mark.parametrize('sampling_ratio', [0, 2])
def test_gradients_are_those_of_finite_differences(aligned, sampling_ratio):
    features, rois = features_and_rois(torch.float64)
    features = features[:, :1].clone().requires_grad_()
    assert torch.autograd.gradcheck(
        lambda x: roi_align(x, rois, 3, 0.25, sampling_ratio, 'avg', aligned), (features,)
    )


@pytest.mark.parametrize(('aligned', 'shift'), [(True, 0.5), (False, 0.0)])
def test_a_ramp_pools_to_the_middle_of_each_bin(aligned, shift):
    ramp = torch.arange(16.0).expand(1, 1, 12, 16)
    rois = torch.tensor([[0.0, 8.0, 8.0, 40.0, 40.0]])  # 2 to 10 on the features
    pooled = roi_align(ramp, rois, 4, 0.25, 0, 'avg', aligned)
    expected = torch.tensor([3.0, 5.0, 7.0, 9.0]) - shift
    torch.testing.assert_close(pooled[0, 0], expected.expand(4, 4))


@pytest.mark.parametrize('device', DEVICES)
@pytest.mark.parametrize('dtype', HALF)
@pytest.mark.parametrize('aligned', [True, False])
def test_half_precision_is_computed_in_single_precision(device, dtype, aligned):
    features, rois = features_and_rois(dtype, device)
    half = features.clone().requires_grad_()
    pooled = roi_align(half, rois, 7, 0.25, 0, 'avg', aligned)
    pooled.backward(torch.ones_like(pooled))

    single = features.float().requires_grad_()
    expected = torchvision.ops.roi_align(single, rois.float(), 7, 0.25, 0, aligned)
    expected.backward(torch.ones_like(expected))

    assert pooled.dtype == half.grad.dtype == dtype
    assert torch.equal(pooled, expected.to(dtype))
    torch.testing.assert_close(half.grad, single.grad.to(dtype))


def test_no_regions_give_no_features_and_a_gradient_of_zero():
    features, _ = features_and_rois()
    features.requires_grad_()
    pooled = RoIAlign(7, 0.25)(features, torch.empty(0, 5))
    pooled.sum().backward()
    assert pooled.shape == (0, 3, 7, 7)
    assert not features.grad.any()


def test_max_mode_is_refused_by_name():
    features, rois = features_and_rois()
    with pytest.raises(MissingOperatorError, match='roi_align_forward in max mode'):
        roi_align(features, rois, 7, 0.25, 0, 'max', True)
