"""Backbones of timm as backbones of mmdet."""

import pytest
import timm
import torch
from mmdet.registry import MODELS
from torch import nn

from isic_mmdet.models.timm_backbone import TimmBackbone


def build(name='efficientnet_lite0', **kwargs):
    return MODELS.build({'type': 'TimmBackbone', 'name': name, **kwargs})


@pytest.mark.parametrize(
    ('name', 'options', 'strides'),
    [
        ('efficientnet_lite0', {}, (4, 8, 16, 32)),
        ('resnet18', {}, (4, 8, 16, 32)),
        ('convnext_atto', {'out_indices': (0, 1, 2, 3)}, (4, 8, 16, 32)),
        (
            'swin_tiny_patch4_window7_224',
            {'out_indices': (0, 1, 2, 3), 'model_kwargs': {'strict_img_size': False}},
            (4, 8, 16, 32),
        ),
        ('mobilenetv3_small_100', {'out_indices': (2, 4)}, (8, 32)),
    ],
)
def test_feature_maps_have_their_channels_first(name, options, strides):
    backbone = build(name, **options).eval()
    with torch.inference_mode():
        maps = backbone(torch.zeros(2, 3, 224, 288))
    shapes = [
        (2, channels, 224 // stride, 288 // stride)
        for channels, stride in zip(backbone.channels, strides, strict=True)
    ]
    assert [tuple(each.shape) for each in maps] == shapes


def test_images_come_before_the_maps_if_a_head_needs_them():
    images = torch.zeros(1, 3, 64, 64)
    maps = build(out_indices=(2, 4), return_images=True).eval()(images)
    assert maps[0] is images
    assert [features.shape[1] for features in maps] == [3, 40, 320]


@pytest.mark.parametrize('name', ['efficientnet_lite0', 'resnet18', 'convnext_atto'])
def test_weights_of_the_model_in_timm_load(name):
    torch.manual_seed(0)
    model = timm.create_model(name).eval()
    indices = (0, 1, 2, 3)
    backbone = build(name, out_indices=indices).eval()
    missing, _ = backbone.load_state_dict(model.state_dict(), strict=False)
    assert not missing
    images = torch.randn(1, 3, 64, 64)
    expected = model.forward_intermediates(images, indices=list(indices), intermediates_only=True)
    for one, other in zip(backbone(images), expected, strict=True):
        torch.testing.assert_close(one, other)


def test_its_own_weights_load():
    one, other = build(), build()
    other.load_state_dict(one.state_dict())
    for name, value in one.state_dict().items():
        assert torch.equal(value, other.state_dict()[name])


@pytest.mark.parametrize(
    ('name', 'frozen', 'first_trained'),
    [
        ('efficientnet_lite0', 1, 'body.blocks.2.0.conv_pw.weight'),
        ('efficientnet_lite0', 0, 'body.blocks.1.0.conv_pw.weight'),
        ('efficientnet_lite0', -1, 'body.conv_stem.weight'),
        ('resnet18', 0, 'body.layer1.0.conv1.weight'),
        ('resnet18', 2, 'body.layer3.0.conv1.weight'),
        ('convnext_atto', 1, 'body.stages_2.downsample.0.weight'),
    ],
)
def test_stages_are_frozen_with_their_statistics(name, frozen, first_trained):
    indices = (0, 1, 2, 3)
    backbone = build(name, out_indices=indices, frozen_stages=frozen).train()
    trained = [name for name, value in backbone.named_parameters() if value.requires_grad]
    names = [name for name, _ in backbone.named_parameters()]
    assert trained == names[names.index(first_trained) :]
    for name, module in backbone.named_modules():
        if isinstance(module, nn.BatchNorm2d):
            assert module.training == (f'{name}.weight' in trained)


def test_all_batch_norms_can_keep_their_statistics():
    backbone: TimmBackbone = build(norm_eval=True).train()
    before = {name: value.clone() for name, value in backbone.named_buffers()}
    backbone(torch.randn(2, 3, 64, 64))
    for name, value in backbone.named_buffers():
        assert torch.equal(value, before[name])
    assert all(value.requires_grad for value in backbone.parameters())
