"""Masks pooled from P3, of 56 x 56 cells instead of 28 x 28.

Command:   python tools/train.py configs/ablations/ablation_mask_p3_56.py --amp --cfg-options
           train_cfg.max_epochs=2 train_cfg.val_interval=2
           model.backbone.init_cfg.checkpoint=WEIGHTS
Data:      as isic2018_r18_256px.py
Number:    see docs/ablations.md
Hardware:  CPU
Time:      see there
Date:      2026-11-25
"""

_base_ = './ablation_adamw_bn.py'

model = dict(
    roi_head=dict(mask_roi_extractor=dict(finest_scale=256, roi_layer=dict(output_size=28))),
    train_cfg=dict(rcnn=dict(mask_size=56)),
)
