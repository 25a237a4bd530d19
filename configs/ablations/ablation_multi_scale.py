"""Images of 192 to 320 px, drawn anew for each.

Command:   python tools/train.py configs/ablations/ablation_multi_scale.py --amp --cfg-options
           train_cfg.max_epochs=2 train_cfg.val_interval=2
           model.backbone.init_cfg.checkpoint=WEIGHTS
Data:      as isic2018_maskrcnn_r18_256px.py
Number:    see docs/ablations.md
Hardware:  CPU
Time:      see there
Date:      2026-11-26
"""

_base_ = '../isic2018_maskrcnn_r18_256px.py'

train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations', with_bbox=True, with_mask=True),
    dict(type='RandomLesionCrop'),
    dict(
        type='RandomChoiceResize',
        scales=[(side, side) for side in range(192, 321, 32)],
        keep_ratio=False,
    ),
    dict(type='RandomTranspose'),
    dict(type='ContiguousRandomFlip', prob=0.75, direction=['horizontal', 'vertical', 'diagonal']),
    dict(type='BytePhotoMetricDistortion'),
    dict(type='PackLesionInputs'),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
