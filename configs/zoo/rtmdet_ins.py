"""RTMDet-Ins, in which every position predicts a box and a small mask network.

Command:   python tools/train.py configs/zoo/rtmdet_ins.py
Data:      tools/prepare_isic.py 2018, data/isic2018, one class: lesion
Number:    not measured yet
Hardware:  two CPU cores, no GPU
Time:      not measured yet
Date:      2026-11-28
"""

_base_ = ['../_base_/models/rtmdet-ins_lite0.py', '../_base_/zoo.py']
