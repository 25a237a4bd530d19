"""All of the backbone is trained, also its stem and first stage.

Command:   python tools/train.py configs/ablations/ablation_unfrozen.py --amp --cfg-options
           train_cfg.max_epochs=2 train_cfg.val_interval=2
           model.backbone.init_cfg.checkpoint=WEIGHTS
Data:      as isic2018_r18_256px.py
Number:    see docs/ablations.md
Hardware:  CPU
Time:      see there
Date:      2026-11-26
"""

_base_ = './isic2018_r18_256px.py'

model = dict(backbone=dict(frozen_stages=-1))
