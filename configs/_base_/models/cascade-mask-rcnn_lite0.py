# Cascade Mask R-CNN: three box heads that refine each other's boxes, each with its own mask head.
_base_ = './mask-rcnn_lite0_fpn128-p3_lesion.py'

box_head = dict(type='Shared2FCBBoxHead', in_channels=128, fc_out_channels=512, num_classes=1)
box_loss = dict(type='SmoothL1Loss', beta=1.0)
coders = [
    dict(type='DeltaXYWHBBoxCoder', target_stds=[std, std, 2 * std, 2 * std])
    for std in (0.1, 0.05, 0.033)
]
sampler = dict(type='RandomSampler', num=32, pos_fraction=0.25)
assigners = [
    dict(type='MaxIoUAssigner', pos_iou_thr=iou, neg_iou_thr=iou, min_pos_iou=iou)
    for iou in (0.5, 0.6, 0.7)
]
model = dict(
    type='CascadeRCNN',
    roi_head=dict(
        type='CascadeRoIHead',
        num_stages=3,
        stage_loss_weights=[1, 0.5, 0.25],
        bbox_head=[
            dict(box_head, bbox_coder=coder, reg_class_agnostic=True, loss_bbox=box_loss)
            for coder in coders
        ],
    ),
    train_cfg=dict(
        rcnn=[
            dict(assigner=each, sampler=sampler, mask_size=28, pos_weight=-1, debug=False)
            for each in assigners
        ]
    ),
)
