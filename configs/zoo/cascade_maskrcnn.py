"""Cascade Mask R-CNN, with three box heads that refine boxes in turn, each with its own mask head.

Command:   python tools/train.py configs/zoo/cascade_maskrcnn.py
Data:      tools/prepare_isic.py 2018, data/isic2018, one class: lesion
Number:    not measured yet
Hardware:  two CPU cores, no GPU
Time:      not measured yet
Date:      2026-11-28
"""

_base_ = ['../_base_/models/cascade-mask-rcnn_lite0.py', '../_base_/zoo.py']
