"""Group norm instead of batch norm in pyramid and mask head.

Command:   python tools/train.py configs/ablations/ablation_gn.py --amp --cfg-options
           train_cfg.max_epochs=2 train_cfg.val_interval=2
           model.backbone.init_cfg.checkpoint=WEIGHTS
Data:      as isic2018_r18_256px.py
Number:    see docs/ablations.md
Hardware:  CPU
Time:      see there
Date:      2026-11-26
"""

_base_ = './isic2018_r18_256px.py'

norm = dict(type='GN', num_groups=32, requires_grad=True)
model = dict(neck=dict(norm_cfg=norm), roi_head=dict(mask_head=dict(norm_cfg=norm)))
