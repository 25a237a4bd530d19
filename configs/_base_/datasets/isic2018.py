# ISIC 2018 Task 1 as tools/prepare_isic.py 2018 lays it out: one class, lesion.
_base_ = './lesion.py'

data_root = '{{ fileDirname }}/../../../data/isic2018/'

train_dataloader = dict(dataset=dict(data_root=data_root))
val_dataloader = dict(dataset=dict(data_root=data_root))
test_dataloader = dict(dataset=dict(data_root=data_root))
