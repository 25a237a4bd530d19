"""Mask2Former, in which a transformer decoder turns a few queries into masks of the complete image.

Command:   python tools/train.py configs/zoo/mask2former.py
Data:      tools/prepare_isic.py 2018, data/isic2018, one class: lesion
Number:    lesion/iou 0.831 on the 487 validation images after two epochs, seed 0
Hardware:  two CPU cores, no GPU
Time:      96 minutes for two epochs, most of them next to other work
Date:      2026-11-28
"""

_base_ = ['../_base_/models/mask2former_lite0.py', '../_base_/zoo.py']
