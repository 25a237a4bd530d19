"""Batch norms folded into the convolutions before them, which makes prediction faster."""

import copy

import torch
from mmengine.logging import MMLogger
from timm.layers.norm_act import BatchNormAct2d
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils.fusion import fuse_conv_bn_eval

# Rounding changes the outputs of trained backbones by about a thousandth of this.
_TOLERANCE = 1e-3


def fused(backbone: nn.Module) -> nn.Module:
    """Return a copy of a backbone without batch norms, or the backbone if that changes its output.

    A batch norm is folded into the convolution that is defined before it. That is wrong in models
    that define their layers in another order than they use them, so the outputs are compared.

    Args:
        backbone: in evaluation mode, float32; with batch norms, it takes images of any size,
            (N, 3, H, W).
    """
    if not any(isinstance(module, _BatchNorm) for module in backbone.modules()):
        return backbone
    folded = copy.deepcopy(backbone)
    fuse_batch_norms(folded)
    images = torch.randn(1, 3, 128, 128, generator=torch.Generator().manual_seed(0))
    device = next(backbone.parameters()).device
    with torch.inference_mode():
        expected, found = backbone(images.to(device)), folded(images.to(device))
    for before, after in zip(expected, found, strict=True):
        if (before - after).abs().max() > _TOLERANCE * before.abs().max():
            MMLogger.get_current_instance().warning(
                f'the batch norms of {type(backbone).__name__} cannot be folded into its '
                'convolutions, so predictions are slower'
            )
            return backbone
    return folded


def fuse_batch_norms(module: nn.Module) -> None:
    """Fold, in place, every batch norm into the convolution that is defined before it.

    An activation that is a part of the batch norm, as in timm, stays.
    """
    conv_name = ''
    for name, child in list(module.named_children()):
        if isinstance(child, nn.Conv2d):
            conv_name = name
        elif not isinstance(child, _BatchNorm):
            fuse_batch_norms(child)
        elif conv_name:
            setattr(module, conv_name, fuse_conv_bn_eval(getattr(module, conv_name), child))
            setattr(module, name, child.act if isinstance(child, BatchNormAct2d) else nn.Identity())
            conv_name = ''
