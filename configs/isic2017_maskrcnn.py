"""The recommended recipe for ISIC 2017: outline the lesion and predict melanoma or benign.

Command:   python tools/train.py configs/isic2017_maskrcnn.py
Data:      tools/prepare_isic.py 2017 --resize max-side 1024, data/isic2017, two classes:
           benign, melanoma
Number:    not measured with COCO weights (they were not available). Two epochs with --amp from
           ImageNet weights of the stem to layer2 alone: lesion/iou 0.672 and melanoma/auc 0.594
           on the 138 validation images, seed 0
Hardware:  one GPU, batch 2; the learning rate follows the batch size. The two epochs: two CPU cores
Time:      1.4 seconds a step of two images (1,778 steps), next to other work
Date:      2026-11-28
"""

_base_ = [
    './_base_/models/mask-rcnn_r50_fpn-p3_lesion.py',
    './_base_/datasets/isic2017.py',
    './_base_/schedules/sgd_cosine.py',
    './_base_/default_runtime.py',
]

# MMDetection's COCO weights, or torchvision's if only its server can be reached. They include the
# backbone, so no ImageNet weights are downloaded.
model = dict(
    backbone=dict(init_cfg=None),
    roi_head=dict(bbox_head=dict(num_classes=2), mask_head=dict(num_classes=2)),
)
load_from = 'coco://mask-rcnn_r50_fpn'
