"""The model that comes with the project, fine-tuned on your own images; see docs/finetune.md.

Command:   python tools/train.py configs/finetune.py --data-root data/mine
Data:      tools/prepare_folder.py, 50 images of HAM10000 drawn at random, one class: lesion
Number:    lesion/iou 0.867 on 500 other images of HAM10000, 0.854 before (seed 0, mean of three
           draws)
Hardware:  one of two CPU cores with bfloat16 (--amp), no GPU
Time:      2.3 minutes, next to other work
Date:      2026-11-28
"""

_base_ = [
    './_base_/models/mask-rcnn_lite0_fpn128-p3_lesion.py',
    './_base_/datasets/lesion_256px.py',
    './_base_/schedules/adamw_cosine.py',
    './_base_/default_runtime.py',
]
load_from = '{{ fileDirname }}/../models/lesion_lite.pth'
model = dict(backbone=dict(init_cfg=None))  # load_from has all weights
optim_wrapper = dict(optimizer=dict(lr=2e-4))
# 24 epochs for 50 images; 20 get 35, 200 get 14, 1,000 get 7, 20,000 get 2.
epochs_by_images = dict(images=50, power=0.4)
train_cfg = dict(max_epochs=24, val_interval=3)
default_hooks = dict(
    frozen_statistics=dict(type='FrozenStatisticsHook'),
    before_after=dict(type='BeforeAfterHook'),
    early_stopping=dict(
        patience=5
    ),  # of about eight: the end of the cosine schedule is the best part
    validation_loss=None,  # it adds about a tenth to the time
)
