"""The box losses of RPN and box head count twice.

Command:   python tools/train.py configs/ablations/ablation_box_weight.py --amp --cfg-options
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
    rpn_head=dict(loss_bbox=dict(loss_weight=2.0)),
    roi_head=dict(bbox_head=dict(loss_bbox=dict(loss_weight=2.0))),
)
