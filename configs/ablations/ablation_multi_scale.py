"""Image sizes of 192 to 320 px, drawn for each image.

Command:   python tools/train.py configs/ablations/ablation_multi_scale.py --amp --cfg-options
           train_cfg.max_epochs=2 train_cfg.val_interval=2
           model.backbone.init_cfg.checkpoint=WEIGHTS
Data:      as isic2018_r18_256px.py
Number:    see docs/ablations.md
Hardware:  CPU
Time:      see there
Date:      2026-11-26
"""

_base_ = './isic2018_r18_256px.py'

resize = dict(
    type='RandomChoiceResize',
    scales=[(side, side) for side in range(192, 321, 32)],
    keep_ratio=False,
)
train_pipeline = [
    {{_base_.load_image}},
    {{_base_.load_truth}},
    {{_base_.crop}},
    resize,
    {{_base_.transpose}},
    {{_base_.flip}},
    {{_base_.colors}},
    {{_base_.pack}},
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
