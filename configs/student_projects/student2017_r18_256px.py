"""The recipe of the student project of 2017 cut down to two CPU cores; see docs/recipes.md.

Command:   python tools/train.py configs/student_projects/student2017_r18_256px.py
Data:      as student2017.py, data/isic2017, two classes: benign, melanoma
Number:    lesion/iou 0.696, melanoma AUC 0.578 on 109 validation images (seed 0, last epoch)
Hardware:  1 CPU core, no GPU
Time:      30 minutes
Date:      2026-11-22
"""

_base_ = [
    '../_base_/models/mask-rcnn_r50_fpn_torchvision.py',
    '../_base_/datasets/student2017.py',
    '../_base_/schedules/student2017.py',
    '../_base_/default_runtime.py',
]

# torchvision's architecture with the sizes of mask-rcnn_r18_fpn128-p3_lesion.py.
model = dict(
    backbone=dict(
        depth=18,
        init_cfg=dict(type='Pretrained', checkpoint='torchvision://resnet18'),
    ),
    neck=dict(in_channels=[64, 128, 256, 512], out_channels=128),
    rpn_head=dict(in_channels=128, feat_channels=128),
    roi_head=dict(
        bbox_roi_extractor=dict(out_channels=128),
        bbox_head=dict(in_channels=128, fc_out_channels=512),
        mask_roi_extractor=dict(out_channels=128),
        mask_head=dict(in_channels=128, conv_out_channels=128),
    ),
    train_cfg=dict(
        rpn=dict(sampler=dict(num=128)),
        rpn_proposal=dict(nms_pre=1000, max_per_img=100),
        rcnn=dict(sampler=dict(num=32)),
    ),
    test_cfg=dict(rpn=dict(nms_pre=500, max_per_img=30), rcnn=dict(max_per_img=3)),
)

resize = dict(type='Resize', scale=(256, 256), keep_ratio=True)
train_pipeline = [{{_base_.load_image}}, {{_base_.load_truth}}, resize, {{_base_.pack}}]
test_pipeline = [{{_base_.load_image}}, resize, {{_base_.pack}}]
train_dataloader = dict(num_workers=1, dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(num_workers=1, dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(num_workers=1, dataset=dict(pipeline=test_pipeline))
train_cfg = dict(val_interval=4)
# Twice the rate, because the heads start from random weights.
optim_wrapper = dict(optimizer=dict(lr=0.005), clip_grad=dict(max_norm=35))

default_hooks = dict(
    logger=dict(interval=1),
    # For the plot alone: the loss of one batch of the test split after every iteration.
    validation_loss=dict(split='test', by_epoch=False),
    early_stopping=None,  # the project trained all 20 epochs
)
log_processor = dict(window_size=1)
