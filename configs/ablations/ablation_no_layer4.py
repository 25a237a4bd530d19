"""Without the last stage of the backbone, which has no weights.

Command:   python tools/train.py configs/ablations/ablation_no_layer4.py --amp --cfg-options
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
    backbone=dict(num_stages=3, out_indices=(0, 1, 2), strides=(1, 2, 2), dilations=(1, 1, 1)),
    neck=dict(in_channels=[64, 128, 256]),
)
