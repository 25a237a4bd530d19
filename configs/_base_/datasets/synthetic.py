# The embedded data set that tools/make_synthetic.py draws: one class, lesion.
_base_ = './lesion.py'

data_root = '{{ fileDirname }}/../../../data/synthetic/'

train_dataloader = dict(dataset=dict(data_root=data_root))
val_dataloader = dict(dataset=dict(data_root=data_root))
test_dataloader = dict(dataset=dict(data_root=data_root))
