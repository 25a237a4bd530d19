# RTMDet-Ins: no proposals; every position predicts a box and the weights of a small mask network.
_base_ = './efficientnet_lite0.py'

norm = dict(type='BN')
model = dict(
    type='RTMDet',
    backbone=dict(out_indices=(2, 3, 4)),
    neck=dict(
        type='CSPNeXtPAFPN',
        in_channels=[40, 112, 320],
        out_channels=96,
        num_csp_blocks=1,
        norm_cfg=norm,
    ),
    bbox_head=dict(
        type='ExactSizeRTMDetInsHead',
        num_classes=1,
        in_channels=96,
        feat_channels=96,
        norm_cfg=norm,
        loss_bbox=dict(type='GIoULoss', loss_weight=2.0),
        anchor_generator=dict(type='MlvlPointGenerator', offset=0, strides=[8, 16, 32]),
        bbox_coder=dict(type='DistancePointBBoxCoder'),
        loss_cls=dict(type='QualityFocalLoss', beta=2.0),
        loss_mask=dict(type='DiceLoss', loss_weight=2.0, eps=5e-6),
    ),
    train_cfg=dict(
        assigner=dict(type='DynamicSoftLabelAssigner', topk=13), allowed_border=-1, pos_weight=-1
    ),
    test_cfg=dict(
        nms_pre=200,
        score_thr=0.001,
        nms=dict(type='nms', iou_threshold=0.6),
        max_per_img=3,
        mask_thr_binary=0.5,
        min_bbox_size=0,
    ),
)
