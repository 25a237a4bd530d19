"""Masks pooled from P3, however large their boxes are.

Command:   python tools/train.py configs/ablations/ablation_mask_p3.py --amp --cfg-options
           train_cfg.max_epochs=2 train_cfg.val_interval=2
           model.backbone.init_cfg.checkpoint=WEIGHTS
Data:      as isic2018_r18_256px.py
Number:    see docs/ablations.md
Hardware:  CPU
Time:      see there
Date:      2026-11-25
"""

_base_ = './ablation_adamw_bn.py'

model = dict(roi_head=dict(mask_roi_extractor=dict(finest_scale=256)))
