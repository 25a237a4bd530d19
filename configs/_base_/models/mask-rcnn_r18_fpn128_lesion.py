# A Mask R-CNN that two CPU cores can train: ResNet-18, and 128 channels in FPN, RPN and heads.
_base_ = './mask-rcnn_r50_fpn_lesion.py'

model = dict(
    backbone=dict(depth=18, init_cfg=dict(checkpoint='torchvision://resnet18')),
    neck=dict(in_channels=[64, 128, 256, 512], out_channels=128),
    rpn_head=dict(in_channels=128, feat_channels=128),
    roi_head=dict(
        # A fixed number of samples per bin, as torchvision has it: on a CPU mmdet's adaptive number
        # costs a sixth of the step, most of it in the backward pass over large lesions.
        bbox_roi_extractor=dict(out_channels=128, roi_layer=dict(sampling_ratio=2)),
        bbox_head=dict(in_channels=128, fc_out_channels=512),
        mask_roi_extractor=dict(out_channels=128, roi_layer=dict(sampling_ratio=2)),
        mask_head=dict(in_channels=128, conv_out_channels=128),
    ),
    train_cfg=dict(rpn_proposal=dict(max_per_img=100), rcnn=dict(sampler=dict(num=32))),
    test_cfg=dict(rpn=dict(max_per_img=30)),
)
