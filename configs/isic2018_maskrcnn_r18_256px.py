"""ISIC 2018 Task 1 on two CPU cores: ResNet-18, 128-channel FPN and heads, 256 px.

Command:   bash tools/dist_train.sh configs/isic2018_maskrcnn_r18_256px.py 2 --amp
Data:      tools/prepare_isic.py 2018, data/isic2018, one class: lesion; measured on 1,457 / 487 /
           325 images of 512 px, from ImageNet weights for stem to layer3 only (see the README)
Number:    lesion/iou 0.846 on the validation split, 0.831 on the test split (seed 0)
Hardware:  two CPU cores that know bfloat16, no GPU
Time:      108 minutes
Date:      2026-11-26
"""

_base_ = [
    './_base_/models/mask-rcnn_r18_fpn128-p3_lesion.py',
    './_base_/datasets/isic2018.py',
    './_base_/schedules/sgd_cosine.py',
    './_base_/default_runtime.py',
]

# Only part of a small backbone comes with weights: with batch norm, pyramid and mask head learn
# from the start as fast as the rest. docs/ablations.md has what each choice is worth.
norm = dict(type='BN', requires_grad=True)
model = dict(
    neck=dict(norm_cfg=norm),
    roi_head=dict(
        # Outlines need detail: every mask is pooled from P3, however large its box.
        mask_roi_extractor=dict(finest_scale=256),
        # Small lesions count as much as large ones, as the score has it.
        mask_head=dict(norm_cfg=norm, loss_mask=dict(_delete_=True, type='BCEJaccardLoss')),
    ),
)
default_hooks = dict(
    # Each process updates its own batch-norm statistics; validation needs one model.
    sync_buffers=dict(type='SyncBuffersHook'),
    early_stopping=None,  # the score still rises while the cosine schedule ends
    validation_loss=None,  # measured without; it adds about a tenth to the time
)

train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations', with_bbox=True, with_mask=True),
    dict(type='RandomLesionCrop'),
    dict(type='Resize', scale=(256, 256), keep_ratio=False),
    dict(type='RandomTranspose'),
    dict(type='ContiguousRandomFlip', prob=0.75, direction=['horizontal', 'vertical', 'diagonal']),
    dict(type='BytePhotoMetricDistortion'),
    dict(type='PackLesionInputs'),
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=(256, 256), keep_ratio=True),
    dict(type='PackLesionInputs'),
]
train_dataloader = dict(batch_size=4, num_workers=1, dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(batch_size=8, num_workers=1, dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(batch_size=8, num_workers=1, dataset=dict(pipeline=test_pipeline))

train_cfg = dict(max_epochs=40, val_interval=4)
optim_wrapper = dict(
    optimizer=dict(_delete_=True, type='AdamW', lr=2e-4, weight_decay=0.05),
    clip_grad=dict(max_norm=1),
)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.001, by_epoch=False, begin=0, end=200),
    dict(type='CosineAnnealingLR', eta_min=0, by_epoch=True, convert_to_iter_based=True),
]
auto_scale_lr = dict(base_batch_size=4)
