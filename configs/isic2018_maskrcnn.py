"""The recommended recipe for ISIC 2018 Task 1: Mask R-CNN R50-FPN from COCO weights, 512 px.

Command:   python tools/train.py configs/isic2018_maskrcnn.py
Data:      tools/prepare_isic.py 2018 --resize max-side 1024, data/isic2018, one class: lesion
Number:    not measured with COCO weights (they were not available)
Hardware:  one GPU, batch 2; the learning rate follows the batch size
Time:      not measured
Date:      2026-11-22
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
