"""The lesion of another image is pasted into half of them, by mmdet's CopyPaste.

Command:   python tools/train.py configs/ablations/ablation_copy_paste.py --amp --cfg-options
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
    dict(type='Resize', scale=(256, 256), keep_ratio=False),
    dict(type='RandomTranspose'),
    dict(type='ContiguousRandomFlip', prob=0.75, direction=['horizontal', 'vertical', 'diagonal']),
    dict(type='BytePhotoMetricDistortion'),
]
train_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type='MultiImageMixDataset',
        dataset=dict(
            type='LesionDataset',
            data_root='{{ fileDirname }}/../../data/isic2018/',
            ann_file='annotations/train.json',
            data_prefix=dict(img='images/'),
            pipeline=train_pipeline,
        ),
        pipeline=[dict(type='CopyPaste', max_num_pasted=2), dict(type='PackLesionInputs')],
    )
)
