"""The recipe of the student project of 2018 cut down to two CPU cores; see docs/recipes.md.

Command:   python tools/train.py configs/student_projects/student2018_r18_256px.py
Data:      as student2018.py, data/student2018, one class: lesion
Number:    lesion/iou_max 0.810, lesion/iou 0.773 on the 325 test images of the fixed split (seed 0)
Hardware:  2 CPU cores, no GPU
Time:      68 minutes, on cores that also did other work
Date:      2026-11-22
"""

_base_ = [
    '../_base_/models/mask-rcnn_r18_fpn128-p3_lesion.py',
    '../_base_/datasets/student2018.py',
    '../_base_/schedules/student2018.py',
    '../_base_/default_runtime.py',
]

levels = [4, 8, 16, 32]
model = dict(
    data_preprocessor=dict(mean=[0, 0, 0], std=[255, 255, 255]),
    # The levels, anchors and proposals of mmdet, from P2 up.
    neck=dict(type='FPN', num_outs=5),
    rpn_head=dict(anchor_generator=dict(scales=[8], strides=[*levels, 64])),
    roi_head=dict(
        bbox_roi_extractor=dict(featmap_strides=levels),
        mask_roi_extractor=dict(featmap_strides=levels),
    ),
    train_cfg=dict(rpn=dict(assigner=dict(min_pos_iou=0.3)), rpn_proposal=dict(nms_pre=1000)),
    test_cfg=dict(rpn=dict(nms_pre=500)),
)

resize = dict(type='Resize', scale=(256, 256), keep_ratio=True)
train_pipeline = [
    {{_base_.load_image}},
    {{_base_.load_truth}},
    resize,
    {{_base_.photometric}},
    {{_base_.pack}},
]
test_pipeline = [{{_base_.load_image}}, resize, {{_base_.pack}}]
train_dataloader = dict(
    batch_size=4,
    num_workers=1,
    sampler=dict(num_samples=400),
    dataset=dict(pipeline=train_pipeline),
)
val_dataloader = dict(
    batch_size=8,
    num_workers=1,
    dataset=dict(pipeline=test_pipeline, subset=dict(size=120, seed=0)),
)
test_dataloader = dict(batch_size=8, num_workers=1, dataset=dict(pipeline=test_pipeline))

train_cfg = dict(val_interval=5)
# A fifteenth of the steps: the rate of isic2018_r18_256px.py for this batch size.
optim_wrapper = dict(optimizer=dict(lr=0.01), clip_grad=dict(max_norm=35))
auto_scale_lr = dict(base_batch_size=4)

heads = ['neck', 'rpn_head', 'roi_head']
stage3_up = ['backbone.layer2', 'backbone.layer3', 'backbone.layer4']
default_hooks = dict(
    staged_training=dict(
        type='StagedTrainingHook',
        stages=[dict(begin=0, train=heads), dict(begin=5, train=[*stage3_up, *heads])],
    ),
    early_stopping=None,  # the project trained all 30 epochs
)
find_unused_parameters = True
