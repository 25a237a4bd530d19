# A Mask R-CNN that two CPU cores can train: ResNet-18, 128 channels in FPN, RPN and heads, levels
# from P3 up and few proposals, for images of 256 px; see docs/performance.md.
_base_ = 'mmdet::_base_/models/mask-rcnn_r50_fpn.py'

levels = [8, 16, 32]  # strides of P3 to P5
# A fixed number of samples per bin, as in torchvision: on a CPU mmdet's adaptive number costs a
# sixth of the step, most of it in the backward pass over large lesions.
extractor = dict(out_channels=128, featmap_strides=levels, roi_layer=dict(sampling_ratio=2))

model = dict(
    type='LesionMaskRCNN',
    backbone=dict(depth=18, init_cfg=dict(checkpoint='torchvision://resnet18')),
    neck=dict(type='P3FPN', in_channels=[64, 128, 256, 512], out_channels=128, num_outs=4),
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
        mask_roi_extractor=extractor,
        mask_head=dict(
            type='StripPasteMaskHead', in_channels=128, conv_out_channels=128, num_classes=1
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
