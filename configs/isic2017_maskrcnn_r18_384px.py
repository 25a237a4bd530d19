"""ISIC 2017 on one GPU from part of the ImageNet weights: ResNet-18, 384 px.

Command:   python tools/train.py configs/isic2017_maskrcnn_r18_384px.py --amp
Data:      tools/prepare_isic.py 2017, data/isic2017, two classes: benign, melanoma
Number:    not measured yet; see docs/isic2017.md
Hardware:  one GPU, batch 8
Time:      not measured yet
Date:      2026-11-26
"""

_base_ = './isic2017_maskrcnn_r18_256px.py'

model = dict(
    # The anchors are as large for the image as those of 32 to 256 px are at 256 px.
    rpn_head=dict(type='BatchedRPNHead', anchor_generator=dict(scales=[6])),
    roi_head=dict(
        type='BatchedDiagnosisRoIHead',
        mask_roi_extractor=dict(finest_scale=384, roi_layer=dict(output_size=28)),
    ),
    train_cfg=dict(rcnn=dict(mask_size=56)),
)

stretch = dict(type='Resize', scale=(384, 384), keep_ratio=False)
resize = dict(type='Resize', scale=(384, 384), keep_ratio=True)
train_pipeline = [
    {{_base_.load_image}},
    {{_base_.load_truth}},
    {{_base_.crop}},
    stretch,
    {{_base_.transpose}},
    {{_base_.flip}},
    {{_base_.mild_colors}},
    {{_base_.pack}},
]
test_pipeline = [{{_base_.load_image}}, resize, {{_base_.pack}}]
train_dataloader = dict(batch_size=8, num_workers=8, dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(batch_size=16, num_workers=4, dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(batch_size=16, num_workers=4, dataset=dict(pipeline=test_pipeline))

# Twice the rate for twice the batch.
optim_wrapper = dict(optimizer=dict(lr=4e-4))
auto_scale_lr = dict(base_batch_size=8)
