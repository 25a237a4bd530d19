"""The recipe of the 2017 seed project with as many melanomas as benign lesions in every epoch.

Command:   python tools/train.py configs/isic2017_maskrcnn_seed_balanced.py
Data:      as isic2017_maskrcnn_seed.py
Number:    not measured with COCO weights; docs/recipes.md has what balance changes on a CPU
Hardware:  one GPU, batch 2; the learning rate follows the batch size
Time:      not measured
Date:      2026-11-22
"""

_base_ = './isic2017_maskrcnn_seed.py'

train_dataloader = dict(sampler=dict(_delete_=True, type='ClassAwareSampler'))
