"""Deformable convolution, v1 and v2, with the signatures of mmcv's operators.

torchvision's kernel is the same one: offsets lie as (y, x) per kernel point and per group. It
chooses its own chunk of the batch, so `im2col_step` and the scratch tensors are not needed.
Half precision is computed in float32 as in `roi_align`.
"""

from torch import Tensor

from isic_mmdet.compat.roi_align import at_least_float32
from isic_mmdet.compat.torchvision_kernels import kernels


def deform_conv_forward(
    input: Tensor,
    weight: Tensor,
    offset: Tensor,
    output: Tensor,
    columns: Tensor,
    ones: Tensor,
    **geometry: int,
) -> None:
    """Write the convolution without mask and bias to `output`."""
    output.copy_(_forward(input, weight, offset, None, None, _v1_geometry(geometry)))


def deform_conv_backward_input(
    input: Tensor,
    offset: Tensor,
    grad_output: Tensor,
    grad_input: Tensor,
    grad_offset: Tensor,
    weight: Tensor,
    columns: Tensor,
    **geometry: int,
) -> None:
    """Write the gradients of the input and of the offsets."""
    grads = _backward(grad_output, input, weight, offset, None, None, _v1_geometry(geometry))
    grad_input.copy_(grads[0])
    grad_offset.copy_(grads[2])


def deform_conv_backward_parameters(
    input: Tensor,
    offset: Tensor,
    grad_output: Tensor,
    grad_weight: Tensor,
    columns: Tensor,
    ones: Tensor,
    scale: float,
    **geometry: int,
) -> None:
    """Add `scale` times the gradient of the weight to `grad_weight`."""
    # The weight's values do not enter its own gradient, only its shape does.
    grads = _backward(grad_output, input, grad_weight, offset, None, None, _v1_geometry(geometry))
    grad_weight.add_(grads[1].to(grad_weight.dtype), alpha=scale)


def modulated_deform_conv_forward(
    input: Tensor,
    weight: Tensor,
    bias: Tensor,
    ones: Tensor,
    offset: Tensor,
    mask: Tensor,
    output: Tensor,
    columns: Tensor,
    *,
    with_bias: bool,
    **geometry: int,
) -> None:
    """Write the convolution, samples weighted by `mask`, to `output`."""
    bias_or_none = bias if with_bias else None
    output.copy_(_forward(input, weight, offset, mask, bias_or_none, _v2_geometry(geometry)))


def modulated_deform_conv_backward(
    input: Tensor,
    weight: Tensor,
    bias: Tensor,
    ones: Tensor,
    offset: Tensor,
    mask: Tensor,
    columns: Tensor,
    grad_input: Tensor,
    grad_weight: Tensor,
    grad_bias: Tensor,
    grad_offset: Tensor,
    grad_mask: Tensor,
    grad_output: Tensor,
    *,
    with_bias: bool,
    **geometry: int,
) -> None:
    """Write the gradients of every argument."""
    bias_or_none = bias if with_bias else None
    grads = _backward(
        grad_output, input, weight, offset, mask, bias_or_none, _v2_geometry(geometry)
    )
    targets = [grad_input, grad_weight, grad_offset, grad_mask]
    if with_bias:
        targets.append(grad_bias)
    for target, grad in zip(targets, grads, strict=False):
        target.copy_(grad)


def _v1_geometry(named: dict[str, int]) -> list[int]:
    """Return stride, padding and dilation as (y, x), then groups and offset groups."""
    names = ('dH', 'dW', 'padH', 'padW', 'dilationH', 'dilationW', 'group', 'deformable_group')
    return [named[name] for name in names]


def _v2_geometry(named: dict[str, int]) -> list[int]:
    """Return the same from the names that the modulated operator uses."""
    axes = [f'{what}_{axis}' for what in ('stride', 'pad', 'dilation') for axis in 'hw']
    return [named[name] for name in (*axes, 'group', 'deformable_group')]


def _forward(
    input: Tensor,
    weight: Tensor,
    offset: Tensor,
    mask: Tensor | None,
    bias: Tensor | None,
    geometry: list[int],
) -> Tensor:
    tensors = _operands(input, weight, offset, mask, bias)
    return kernels.deform_conv2d(*tensors, *geometry, mask is not None)


def _backward(
    grad_output: Tensor,
    input: Tensor,
    weight: Tensor,
    offset: Tensor,
    mask: Tensor | None,
    bias: Tensor | None,
    geometry: list[int],
) -> tuple[Tensor, ...]:
    """Return the gradients of input, weight, offset, mask and bias."""
    tensors = _operands(input, weight, offset, mask, bias)
    return kernels._deform_conv2d_backward(
        at_least_float32(grad_output), *tensors, *geometry, mask is not None
    )


def _operands(
    input: Tensor, weight: Tensor, offset: Tensor, mask: Tensor | None, bias: Tensor | None
) -> list[Tensor]:
    """Return what torchvision's operator takes, which wants tensors for absent mask and bias."""
    mask = input.new_zeros((len(input), 1)) if mask is None else mask
    bias = input.new_zeros(len(weight)) if bias is None else bias
    return [at_least_float32(tensor) for tensor in (input, weight, offset, mask, bias)]
