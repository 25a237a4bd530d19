"""A trained model made ready for predictions alone."""

import torch
from mmcv.cnn import fuse_conv_bn
from torch import nn

from isic_mmdet.models.lesion_mask_rcnn import LesionMaskRCNN


def fold(model: nn.Module) -> None:
    """Fold batch norms into the convolutions before them, and keep weights as they compute.

    In bfloat16 `torch.autocast` would cast the weights of every convolution in every call; here
    that is done once. What the model says stays the same but for rounding; it can no longer be
    trained.

    Args:
        model: a detector of mmdet with the weights it shall predict with; changed in place.
    """
    fuse_conv_bn(model.backbone)
    if isinstance(model, LesionMaskRCNN) and model.precision == 'bfloat16':
        for module in model.modules():
            if isinstance(module, nn.Conv2d):
                module.to(torch.bfloat16)
