"""The recommended recipe for ISIC 2018 Task 1: Mask R-CNN R50-FPN from COCO weights, 512 px.

Command:   python tools/train.py configs/isic2018_maskrcnn.py
Data:      tools/prepare_isic.py 2018 --resize max-side 1024, data/isic2018, one class: lesion
Number:    not measured with COCO weights (they were not available). Two epochs with --amp from
           ImageNet weights of the stem to layer2 alone: lesion/iou 0.702 on the 487 validation
           images, seed 0
Hardware:  one GPU, batch 2; the learning rate follows the batch size. The two epochs: two CPU cores
Time:      47 minutes for the two epochs, next to other work
Date:      2026-11-28
"""

_base_ = [
    './_base_/models/mask-rcnn_r50_fpn-p3_lesion.py',
    './_base_/datasets/isic2018.py',
    './_base_/schedules/sgd_cosine.py',
    './_base_/default_runtime.py',
]

# MMDetection's COCO weights, or torchvision's if only its server can be reached. They include the
# backbone, so no ImageNet weights are downloaded.
model = dict(backbone=dict(init_cfg=None))
load_from = 'coco://mask-rcnn_r50_fpn'
