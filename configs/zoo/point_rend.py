"""PointRend, which refines a coarse mask at the points where it is least certain.

Command:   python tools/train.py configs/zoo/point_rend.py
Data:      tools/prepare_isic.py 2018, data/isic2018, one class: lesion
Number:    lesion/iou 0.818 on the 487 validation images after two epochs, seed 0
Hardware:  two CPU cores, no GPU
Time:      7 minutes for two epochs, next to other work
Date:      2026-11-28
"""

_base_ = ['../_base_/models/point-rend_lite0.py', '../_base_/zoo.py']
