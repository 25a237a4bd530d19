"""ISIC 2018 Task 1 on two CPU cores: ResNet-18, 128-channel FPN and heads, 256 px.

Command:   bash tools/dist_train.sh configs/ablations/isic2018_r18_256px.py 2 --amp
Data:      tools/prepare_isic.py 2018, data/isic2018, one class: lesion; measured on 1,457 / 487 /
           325 images of 512 px, from ImageNet weights for stem to layer3 only (see the README)
Number:    lesion/iou 0.846 on the validation split, 0.831 on the test split (seed 0)
Hardware:  two CPU cores with bfloat16, no GPU
Time:      108 minutes
Date:      2026-11-26
"""

_base_ = [
    '../_base_/models/mask-rcnn_r18_fpn128-p3_lesion.py',
    '../_base_/datasets/lesion.py',
    '../_base_/schedules/adamw_cosine.py',
    '../_base_/default_runtime.py',
]

# Only a part of the small backbone has weights: with batch norm, pyramid and mask head learn from
# the start as fast as the rest. docs/ablations.md says what each choice brings.
norm = dict(type='BN', requires_grad=True)
model = dict(
    neck=dict(norm_cfg=norm),
    roi_head=dict(
        # Outlines need detail: every mask is pooled from P3, however large its box is.
        mask_roi_extractor=dict(finest_scale=256),
        # Small lesions count as much as large ones, as in the score.
        mask_head=dict(norm_cfg=norm, loss_mask=dict(_delete_=True, type='BCEJaccardLoss')),
    ),
)

data_root = '{{ fileDirname }}/../../data/isic2018/'
stretch = dict(type='Resize', scale=(256, 256), keep_ratio=False)
resize = dict(type='Resize', scale=(256, 256), keep_ratio=True)
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
test_data = dict(data_root=data_root, pipeline=[{{_base_.load_image}}, resize, {{_base_.pack}}])
train_dataloader = dict(
    batch_size=4, num_workers=1, dataset=dict(data_root=data_root, pipeline=train_pipeline)
)
val_dataloader = dict(batch_size=8, num_workers=1, dataset=test_data)
test_dataloader = dict(batch_size=8, num_workers=1, dataset=test_data)

default_hooks = dict(
    # Each process updates its own batch-norm statistics; validation needs one model.
    sync_buffers=dict(type='SyncBuffersHook'),
    early_stopping=None,  # the score still rises while the cosine schedule ends
    validation_loss=None,  # measured without; it adds about a tenth to the time
)
