"""Deformable convolutions through mmcv's own functions."""

import pytest
import torch
import torch.nn.functional as F
import torchvision
from mmcv.ops import (
    DeformConv2dPack,
    ModulatedDeformConv2dPack,
    deform_conv2d,
    modulated_deform_conv2d,
)

DEVICES = ['cpu', pytest.param('cuda', marks=pytest.mark.gpu)]
# stride, padding and dilation differ between the axes, so that a swap of axes shows.
GEOMETRY = {'stride': (2, 1), 'padding': (1, 2), 'dilation': (1, 2)}


def operands(groups, deform_groups, dtype=torch.float32, device='cpu'):
    """Return input, offset, mask, weight and bias of a 3 x 2 kernel; two images."""
    generator = torch.Generator().manual_seed(groups * 10 + deform_groups)

    def rand(*shape):
        values = torch.rand(shape, generator=generator, dtype=torch.float64)
        return values.to(device, dtype).requires_grad_()

    return (
        rand(2, 4, 6, 5),
        rand(2, deform_groups * 2 * 3 * 2, 3, 7),
        rand(2, deform_groups * 3 * 2, 3, 7),
        rand(6, 4 // groups, 3, 2),
        rand(6),
    )


@pytest.mark.parametrize('device', DEVICES)
@pytest.mark.parametrize(('groups', 'deform_groups'), [(1, 1), (2, 1), (1, 2), (2, 4)])
def test_values_and_gradients_are_those_of_torchvision(device, groups, deform_groups):
    x, offset, mask, weight, bias = operands(groups, deform_groups, device=device)
    versions = [
        (
            deform_conv2d(x, offset, weight, *GEOMETRY.values(), groups, deform_groups, False, 1),
            torchvision.ops.deform_conv2d(x, offset, weight, None, **GEOMETRY),
            (x, offset, weight),
        ),
        (
            modulated_deform_conv2d(
                x, offset, mask, weight, bias, *GEOMETRY.values(), groups, deform_groups
            ),
            torchvision.ops.deform_conv2d(x, offset, weight, bias, mask=mask, **GEOMETRY),
            (x, offset, mask, weight, bias),
        ),
    ]
    for output, expected, leaves in versions:
        torch.testing.assert_close(output, expected)
        seed = torch.rand_like(output)
        grads = torch.autograd.grad(output, leaves, seed)
        for grad, wanted in zip(grads, torch.autograd.grad(expected, leaves, seed), strict=True):
            torch.testing.assert_close(grad, wanted)


@pytest.mark.parametrize(('groups', 'deform_groups'), [(1, 1), (2, 2)])
def test_gradients_are_those_of_finite_differences(groups, deform_groups):
    x, offset, mask, weight, bias = operands(groups, deform_groups, torch.float64)
    # One image and small offsets: the check is slow, and no sample may cross a pixel's edge.
    x, offset, mask = (t[:1].detach() for t in (x, offset, mask))
    leaves = [t.requires_grad_() for t in (x, 0.3 + 0.4 * offset, mask, weight, bias)]
    x, offset, mask, weight, bias = leaves
    settings = (*GEOMETRY.values(), groups, deform_groups)
    assert torch.autograd.gradcheck(
        lambda *tensors: deform_conv2d(*tensors, *settings), (x, offset, weight), fast_mode=True
    )
    assert torch.autograd.gradcheck(
        lambda *tensors: modulated_deform_conv2d(*tensors, *settings), leaves, fast_mode=True
    )


def test_without_offsets_they_are_plain_convolutions():
    x, offset, mask, weight, bias = operands(groups=2, deform_groups=1)
    still = torch.zeros_like(offset)
    plain = F.conv2d(x, weight, None, **GEOMETRY, groups=2)
    torch.testing.assert_close(deform_conv2d(x, still, weight, *GEOMETRY.values(), 2), plain)
    modulated = modulated_deform_conv2d(
        x, still, torch.full_like(mask, 0.5), weight, bias, *GEOMETRY.values(), 2
    )
    torch.testing.assert_close(modulated, plain / 2 + bias.view(-1, 1, 1))


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_half_precision_keeps_its_type(dtype):
    x, offset, mask, weight, bias = operands(1, 1, dtype)
    output = modulated_deform_conv2d(x, offset, mask, weight, bias, *GEOMETRY.values())
    output.sum().backward()
    single = [tensor.detach().float() for tensor in (x, offset, mask, weight, bias)]
    expected = modulated_deform_conv2d(*single, *GEOMETRY.values())
    assert output.dtype == x.grad.dtype == offset.grad.dtype == dtype
    assert torch.equal(output, expected.to(dtype))


@pytest.mark.parametrize('layer', [DeformConv2dPack, ModulatedDeformConv2dPack])
def test_layers_of_mmcv_train(layer):
    torch.manual_seed(0)
    conv = layer(4, 6, 3, padding=1, deform_groups=2)
    conv(torch.rand(2, 4, 8, 8)).square().sum().backward()
    assert all(parameter.grad.abs().sum() > 0 for parameter in conv.parameters())
