"""ISIC 2018 Task 1 on one GPU from part of the ImageNet weights: ResNet-18, 384 px.

Command:   python tools/train.py configs/ablations/isic2018_r18_384px.py --amp
Data:      tools/prepare_isic.py 2018, data/isic2018, one class: lesion
Number:    lesion/iou 0.847 on the validation split, 0.828 on the test split (mean of seeds 0 to 2),
           see docs/ablations.md
Hardware:  one GPU, batch 16; 1.1 GB
Time:      7 minutes on an H200
Date:      2026-11-26
"""

_base_ = './isic2018_r18_256px.py'

model = dict(
    # The anchors are as large for the image as those of 32 to 256 px are at 256 px.
    rpn_head=dict(type='BatchedRPNHead', anchor_generator=dict(scales=[6])),
    roi_head=dict(
        type='BatchedRoIHead',
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
    {{_base_.colors}},
    {{_base_.pack}},
]
test_pipeline = [{{_base_.load_image}}, resize, {{_base_.pack}}]
train_dataloader = dict(batch_size=16, num_workers=8, dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(batch_size=16, num_workers=4, dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(batch_size=16, num_workers=4, dataset=dict(pipeline=test_pipeline))

train_cfg = dict(max_epochs=60, val_interval=10)
# Twice the rate for four times the batch.
optim_wrapper = dict(optimizer=dict(lr=4e-4))
auto_scale_lr = dict(base_batch_size=16)
