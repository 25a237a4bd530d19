"""A running mean of the weights is validated (EMA).

Command:   python tools/train.py configs/ablations/ablation_ema.py --amp --cfg-options
           train_cfg.max_epochs=2 train_cfg.val_interval=2
           model.backbone.init_cfg.checkpoint=WEIGHTS
Data:      as isic2018_r18_256px.py
Number:    see docs/ablations.md
Hardware:  CPU
Time:      see there
Date:      2026-11-26
"""

_base_ = './isic2018_r18_256px.py'

default_hooks = dict(ema=dict(type='EMAHook', momentum=0.005, update_buffers=True))
