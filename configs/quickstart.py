"""The Lite model on the embedded data set, at 192 px, for two CPU cores.

Command:   bash tools/quickstart.sh
Data:      tools/make_synthetic.py and tools/prepare_isic.py, data/synthetic, one class: lesion
Number:    lesion/iou 0.947 on the 40 synthetic test images (seed 0)
Hardware:  2 CPU cores, no GPU
Time:      2.8 minutes on an idle machine, 3.2 with data, test and drawings (float32)
Date:      2026-11-28
"""

_base_ = [
    './_base_/models/mask-rcnn_lite0_fpn128-p3_lesion.py',
    './_base_/datasets/synthetic.py',
    './_base_/schedules/adamw_cosine.py',
    './_base_/default_runtime.py',
]

resize = dict(type='Resize', scale=(192, 192), keep_ratio=True)
flip = dict(type='RandomFlip', prob=0.75, direction=['horizontal', 'vertical', 'diagonal'])
train_pipeline = [{{_base_.load_image}}, {{_base_.load_truth}}, resize, flip, {{_base_.pack}}]
test_pipeline = [{{_base_.load_image}}, resize, {{_base_.pack}}]
train_dataloader = dict(batch_size=8, num_workers=1, dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(batch_size=8, num_workers=1, dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(batch_size=8, num_workers=1, dataset=dict(pipeline=test_pipeline))

train_cfg = dict(max_epochs=15, val_interval=5)
optim_wrapper = dict(optimizer=dict(lr=1e-3, weight_decay=1e-4), clip_grad=dict(max_norm=10))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.001, by_epoch=False, begin=0, end=30),
    dict(type='CosineAnnealingLR', eta_min=0, by_epoch=True, convert_to_iter_based=True),
]
auto_scale_lr = dict(base_batch_size=8)
default_hooks = dict(
    # Each process updates its own batch-norm statistics; validation needs one model.
    sync_buffers=dict(type='SyncBuffersHook'),
    early_stopping=None,  # three validations are too few to stop early
    validation_loss=None,  # measured without; it adds about a tenth to the time
)
