# Mask2Former: a transformer decoder turns a few queries into masks of the complete image.
_base_ = './efficientnet_lite0.py'

width = 128
attention = dict(embed_dims=width, num_heads=8, batch_first=True)
ffn = dict(embed_dims=width, feedforward_channels=512, act_cfg=dict(type='ReLU', inplace=True))
points = dict(embed_dims=width, num_heads=8, num_levels=3, num_points=4, batch_first=True)
position = dict(num_feats=width // 2, normalize=True)
model = dict(
    type='Mask2Former',
    panoptic_head=dict(
        type='Mask2FormerHead',
        in_channels=[24, 40, 112, 320],
        feat_channels=width,
        out_channels=width,
        num_things_classes=1,
        num_stuff_classes=0,
        num_queries=10,
        num_transformer_feat_level=3,
        pixel_decoder=dict(
            type='MSDeformAttnPixelDecoder',
            num_outs=3,
            norm_cfg=dict(type='GN', num_groups=32),
            act_cfg=dict(type='ReLU'),
            encoder=dict(num_layers=2, layer_cfg=dict(self_attn_cfg=points, ffn_cfg=ffn)),
            positional_encoding=position,
        ),
        positional_encoding=position,
        transformer_decoder=dict(
            num_layers=3,
            layer_cfg=dict(self_attn_cfg=attention, cross_attn_cfg=attention, ffn_cfg=ffn),
        ),
        loss_cls=dict(type='CrossEntropyLoss', loss_weight=2.0, class_weight=[1.0, 0.1]),
        loss_mask=dict(type='CrossEntropyLoss', use_sigmoid=True, loss_weight=5.0),
        loss_dice=dict(type='DiceLoss', naive_dice=True, eps=1.0, loss_weight=5.0),
    ),
    panoptic_fusion_head=dict(
        type='MaskFormerFusionHead', num_things_classes=1, num_stuff_classes=0
    ),
    train_cfg=dict(
        num_points=3136,
        oversample_ratio=3.0,
        importance_sample_ratio=0.75,
        assigner=dict(
            type='HungarianAssigner',
            match_costs=[
                dict(type='ClassificationCost', weight=2.0),
                dict(type='CrossEntropyLossCost', weight=5.0, use_sigmoid=True),
                dict(type='DiceCost', weight=5.0, pred_act=True, eps=1.0),
            ],
        ),
        sampler=dict(type='MaskPseudoSampler'),
    ),
    test_cfg=dict(panoptic_on=False, instance_on=True, max_per_image=3, iou_thr=0.8),
)
