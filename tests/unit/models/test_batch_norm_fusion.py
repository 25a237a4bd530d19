"""Folding batch norms: the same outputs with fewer layers."""

import pytest
import timm
import torch
from torch import nn

from isic_mmdet.models.batch_norm_fusion import fuse_batch_norms, fused


def with_random_norms(module: nn.Module) -> nn.Module:
    torch.manual_seed(0)
    for norm in module.modules():
        if isinstance(norm, nn.BatchNorm2d):
            nn.init.uniform_(norm.running_mean, -0.5, 0.5)
            nn.init.uniform_(norm.running_var, 0.5, 2.0)
            nn.init.uniform_(norm.weight, 0.5, 1.5)
            nn.init.uniform_(norm.bias, -0.5, 0.5)
    return module.eval()


def norms(module: nn.Module) -> int:
    return sum(isinstance(each, nn.BatchNorm2d) for each in module.modules())


@pytest.mark.parametrize('name', ['efficientnet_lite0', 'resnet18', 'regnetx_002'])
def test_features_of_timm_are_the_same_without_batch_norms(name):
    # Batch norms of timm contain the activation, which must not go with them.
    backbone = with_random_norms(timm.create_model(name, features_only=True))
    images = torch.randn(1, 3, 64, 96)
    with torch.inference_mode():
        expected = backbone(images)
        result = fused(backbone)
        found = result(images)
    assert norms(backbone) and not norms(result)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-4 * float(other.abs().max()))


class NormFirst(nn.Module):
    """A norm that is defined after a convolution and used before it."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3)
        self.norm = nn.BatchNorm2d(3)

    def forward(self, images: torch.Tensor) -> list[torch.Tensor]:
        return [self.conv(self.norm(images))]


def test_a_backbone_that_folding_would_change_stays_as_it_is():
    backbone = with_random_norms(NormFirst())
    assert fused(backbone) is backbone
    assert norms(backbone) == 1


def test_a_backbone_without_batch_norms_may_take_images_of_one_size():
    backbone = timm.create_model('swin_tiny_patch4_window7_224', features_only=True, img_size=256)
    assert fused(backbone.eval()) is backbone


def test_convolutions_with_groups_and_biases_are_folded():
    block = with_random_norms(
        nn.Sequential(nn.Conv2d(4, 8, 3, groups=2, bias=True), nn.BatchNorm2d(8), nn.ReLU())
    )
    images = torch.randn(2, 4, 9, 9)
    with torch.inference_mode():
        expected = block(images)
        fuse_batch_norms(block)
        torch.testing.assert_close(block(images), expected)
    assert not norms(block)
