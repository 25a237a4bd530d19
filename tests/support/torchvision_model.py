"""torchvision's Mask R-CNN with random weights whose outputs vary, and images for it."""

import functools
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torchvision.models.detection import MaskRCNN
from torchvision.models.detection.backbone_utils import resnet_fpn_backbone
from torchvision.ops import FrozenBatchNorm2d


def make_torchvision(classes: int = 3) -> MaskRCNN:
    """Return torchvision's model as it is for the COCO weights, with random ones.

    Batch norm has the statistics of a noise image, disturbed. The first three channels of each
    convolution in the residual blocks are as weak as some of the COCO weights', with variances
    near 1e-14: an eps of 1e-5 would silence them.
    """
    torch.manual_seed(0)
    backbone = resnet_fpn_backbone(
        backbone_name='resnet50', weights=None, norm_layer=FrozenBatchNorm2d, trainable_layers=3
    )
    model = MaskRCNN(backbone, num_classes=classes, min_size=192).eval()
    for name, module in backbone.body.named_modules():
        if isinstance(module, FrozenBatchNorm2d):
            module.eps = 0.0  # as `overwrite_eps` sets it for the COCO weights
            at_next_call(module, random_statistics)
        elif 'layer' in name and isinstance(module, nn.Conv2d):
            module.weight.data[:3] *= 1e-7
    heads = model.roi_heads
    for block in backbone.fpn.layer_blocks:
        at_next_call(block[0], functools.partial(scale_outputs, deviation=1.0))
    for layer, deviation in (
        (model.rpn.head.cls_logits, 2.0),
        (model.rpn.head.bbox_pred, 0.3),
        (heads.box_predictor.cls_score, 2.5),
        (heads.box_predictor.bbox_pred, 0.5),
        (heads.mask_predictor.mask_fcn_logits, 1.0),
    ):
        at_next_call(layer, functools.partial(scale_outputs, deviation=deviation))
    with torch.no_grad():
        model([image / 255 for image in noise_images([(192, 192)] * 2)])
    heads.mask_predictor.mask_fcn_logits.bias.data += 2  # masks that fill their boxes, with holes
    return model


def at_next_call(module: nn.Module, adjust: Callable[[nn.Module, Tensor], None]) -> None:
    """Let `adjust` change a module, given its input, before it is called for the first time."""

    def hook(module: nn.Module, inputs: tuple[Tensor]) -> None:
        handle.remove()
        adjust(module, inputs[0])

    handle = module.register_forward_pre_hook(hook)


def scale_outputs(layer: nn.Module, inputs: Tensor, deviation: float) -> None:
    """Give a layer's outputs mean 0 and this standard deviation."""
    outputs = layer(inputs)
    mean = outputs.mean([axis for axis in range(outputs.ndim) if axis != 1])
    scale = deviation / outputs.std()
    layer.weight.mul_(scale)
    layer.bias.sub_(mean).mul_(scale)


def random_statistics(norm: FrozenBatchNorm2d, inputs: Tensor) -> None:
    count = norm.weight.shape[0]
    mean, variance = inputs.mean((0, 2, 3)), inputs.var((0, 2, 3))
    norm.running_mean.copy_(mean + 0.3 * variance.sqrt() * torch.randn(count))
    norm.running_var.copy_(variance * (0.5 + torch.rand(count)))
    norm.weight.copy_(0.5 + 0.5 * torch.rand(count))
    norm.bias.copy_(0.2 * torch.randn(count))


def noise_images(shapes: list[tuple[int, int]]) -> list[Tensor]:
    """Return (3, H, W) uint8 RGB images of random blocks."""
    generator = torch.Generator().manual_seed(1)
    blocks = [torch.randint(256, (3, 9, 9), generator=generator).float() for _ in shapes]
    return [
        nn.functional.interpolate(block[None], shape, mode='bicubic')[0].clamp(0, 255).byte()
        for block, shape in zip(blocks, shapes, strict=True)
    ]
