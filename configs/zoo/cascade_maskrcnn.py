"""Cascade Mask R-CNN, with three box heads that refine boxes in turn, each with its own mask head.

Command:   python tools/train.py configs/zoo/cascade_maskrcnn.py
Data:      tools/prepare_isic.py 2018, data/isic2018, one class: lesion
Number:    lesion/iou 0.823 on the 487 validation images after two epochs, seed 0
Hardware:  two CPU cores, no GPU
Time:      16 minutes for two epochs, next to other work
Date:      2026-11-28
"""

_base_ = ['../_base_/models/cascade-mask-rcnn_lite0.py', '../_base_/zoo.py']
