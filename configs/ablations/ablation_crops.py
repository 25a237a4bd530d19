"""The recipe with cross-entropy as the only loss of masks.

Command:   python tools/train.py configs/ablations/ablation_crops.py --amp --cfg-options
           train_cfg.max_epochs=2 train_cfg.val_interval=2
           model.backbone.init_cfg.checkpoint=WEIGHTS
Data:      as isic2018_r18_256px.py
Number:    see docs/ablations.md
Hardware:  CPU
Time:      see there
Date:      2026-11-26
"""

_base_ = './isic2018_r18_256px.py'

cross_entropy = dict(_delete_=True, type='CrossEntropyLoss', use_mask=True)
model = dict(roi_head=dict(mask_head=dict(loss_mask=cross_entropy)))
