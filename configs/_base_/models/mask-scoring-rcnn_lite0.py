# Mask Scoring R-CNN: a further head predicts the IoU of each mask, which multiplies its score.
_base_ = './mask-rcnn_lite0_fpn128-p3_lesion.py'

model = dict(
    type='MaskScoringRCNN',
    roi_head=dict(
        type='MaskScoringRoIHead',
        mask_iou_head=dict(
            type='MaskIoUHead',
            in_channels=128,
            conv_out_channels=128,
            fc_out_channels=512,
            num_classes=1,
        ),
    ),
    train_cfg=dict(rcnn=dict(mask_thr_binary=0.5)),
)
