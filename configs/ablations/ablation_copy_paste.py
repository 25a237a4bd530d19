"""The lesion of another image is pasted into half of them, by mmdet's CopyPaste.

Command:   python tools/train.py configs/ablations/ablation_copy_paste.py --amp --cfg-options
           train_cfg.max_epochs=2 train_cfg.val_interval=2
           model.backbone.init_cfg.checkpoint=WEIGHTS
Data:      as isic2018_r18_256px.py
Number:    see docs/ablations.md
Hardware:  CPU
Time:      see there
Date:      2026-11-26
"""

_base_ = './isic2018_r18_256px.py'

images = dict(
    type='LesionDataset',
    data_root={{_base_.data_root}},
    ann_file='annotations/train.json',
    data_prefix=dict(img='images/'),
    pipeline=[
        {{_base_.load_image}},
        {{_base_.load_truth}},
        {{_base_.crop}},
        {{_base_.stretch}},
        {{_base_.transpose}},
        {{_base_.flip}},
        {{_base_.colors}},
    ],
)
train_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type='MultiImageMixDataset',
        dataset=images,
        pipeline=[dict(type='CopyPaste', max_num_pasted=2), {{_base_.pack}}],
    )
)
