"""The recipe of the student project of 2017: torchvision's Mask R-CNN on 100 images.

Command:   python tools/train.py configs/student_projects/student2017.py
Data:      tools/prepare_isic.py 2017, data/isic2017, two classes: benign, melanoma; 100 of the
           2,000 training images; weights: tools/convert_torchvision_weights.py
Number:    not measured with COCO weights (they were not available); the
           same recipe on a CPU is student2017_r18_256px.py
Hardware:  one GPU, batch 2; the learning rate follows the batch size
Time:      not measured
Date:      2026-11-22
"""

_base_ = [
    '../_base_/models/mask-rcnn_r50_fpn_torchvision.py',
    '../_base_/datasets/student2017.py',
    '../_base_/schedules/student2017.py',
    '../_base_/default_runtime.py',
]

model = dict(backbone=dict(init_cfg=None))
load_from = 'checkpoints/maskrcnn_resnet50_fpn_coco_mmdet.pth'

default_hooks = dict(
    logger=dict(interval=1),
    # For the plot alone: the loss of one batch of the test split after every iteration.
    validation_loss=dict(split='test', by_epoch=False),
    early_stopping=None,  # the project trained all 20 epochs
)
log_processor = dict(window_size=1)
