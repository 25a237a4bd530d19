"""The recipe of the student project of 2017, with balanced classes.

Command:   python tools/train.py configs/student_projects/student2017_balanced.py
Data:      as student2017.py
Number:    not measured with COCO weights; docs/recipes.md has what balance changes on a CPU
Hardware:  one GPU, batch 2; the learning rate follows the batch size
Time:      not measured
Date:      2026-11-22
"""

_base_ = './student2017.py'

train_dataloader = dict(sampler=dict(_delete_=True, type='ClassAwareSampler'))
