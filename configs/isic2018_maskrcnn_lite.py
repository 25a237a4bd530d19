"""ISIC 2018 Task 1 from full ImageNet weights: EfficientNet-Lite 0, 128-channel FPN, 256 px.

Command:   python tools/train.py configs/isic2018_maskrcnn_lite.py --amp
Data:      tools/prepare_isic.py 2018, data/isic2018, one class: lesion
Number:    lesion/iou 0.847 on the validation split, 0.829 on the test split (seed 0)
Hardware:  one of two CPU cores with bfloat16, no GPU
Time:      109 minutes, next to other work
Date:      2026-11-28
"""

_base_ = [
    './_base_/models/mask-rcnn_lite0_fpn128-p3_lesion.py',
    './_base_/datasets/lesion_256px.py',
    './_base_/schedules/adamw_cosine.py',
    './_base_/default_runtime.py',
]
# Full weights stand a higher rate, which helps on images of other cameras, and need fewer epochs.
optim_wrapper = dict(optimizer=dict(lr=4e-4))
train_cfg = dict(max_epochs=24)
default_hooks = dict(
    # Each process updates its own batch-norm statistics; validation needs one model.
    sync_buffers=dict(type='SyncBuffersHook'),
    early_stopping=None,  # the score still rises while the cosine schedule ends
    validation_loss=None,  # measured without; it adds about a tenth to the time
)
