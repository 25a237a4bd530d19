"""The recipe of the student project of 2018: heads first, then ResNet stages 3 to 5.

Command:   python tools/train.py configs/student_projects/student2018.py
Data:      tools/prepare_isic.py 2018 --split ratio --resize quarter --flip-copies,
           data/student2018, one class: lesion
Number:    not measured with COCO weights (they were not available); the
           same recipe on a CPU is student2018_r18_256px.py
Hardware:  one GPU, batch 2; the learning rate follows the batch size
Time:      not measured
Date:      2026-11-22
"""

_base_ = [
    '../_base_/models/mask-rcnn_r50_fpn_lesion.py',
    '../_base_/datasets/student2018.py',
    '../_base_/schedules/student2018.py',
    '../_base_/default_runtime.py',
]

model = dict(
    # Pixels divided by 255, nothing more.
    data_preprocessor=dict(mean=[0, 0, 0], std=[255, 255, 255]),
    backbone=dict(init_cfg=None),
)
load_from = 'coco://mask-rcnn_r50_fpn'

heads = ['neck', 'rpn_head', 'roi_head']
stage3_up = ['backbone.layer2', 'backbone.layer3', 'backbone.layer4']  # matterport counts from 1
default_hooks = dict(
    staged_training=dict(
        type='StagedTrainingHook',
        stages=[dict(begin=0, train=heads), dict(begin=5, train=[*stage3_up, *heads])],
    ),
    early_stopping=None,  # the project trained all 30 epochs
)
find_unused_parameters = True  # frozen parameters have no gradient
