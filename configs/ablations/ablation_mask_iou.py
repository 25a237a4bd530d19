"""A head that predicts the IoU of each mask and weights its score with it (Mask Scoring R-CNN).

Command:   python tools/train.py configs/ablations/ablation_mask_iou.py --amp --cfg-options
           train_cfg.max_epochs=2 train_cfg.val_interval=2
           model.backbone.init_cfg.checkpoint=WEIGHTS
Data:      as isic2018_r18_256px.py
Number:    see docs/ablations.md
Hardware:  CPU
Time:      see there
Date:      2026-11-26
"""

_base_ = './isic2018_r18_256px.py'

model = dict(
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
