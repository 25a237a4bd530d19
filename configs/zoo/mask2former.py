"""Mask2Former, in which a transformer decoder turns a few queries into masks of the complete image.

Command:   python tools/train.py configs/zoo/mask2former.py
Data:      tools/prepare_isic.py 2018, data/isic2018, one class: lesion
Number:    not measured yet
Hardware:  two CPU cores, no GPU
Time:      not measured yet
Date:      2026-11-28
"""

_base_ = ['../_base_/models/mask2former_lite0.py', '../_base_/zoo.py']
