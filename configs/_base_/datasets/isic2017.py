# ISIC 2017 as tools/prepare_isic.py 2017 lays it out: benign and melanoma.
_base_ = './lesion.py'

data_root = '{{ fileDirname }}/../../../data/isic2017/'
dataset_type = 'LesionDiagnosisDataset'

train_dataloader = dict(dataset=dict(type=dataset_type, data_root=data_root))
val_dataloader = dict(dataset=dict(type=dataset_type, data_root=data_root))
test_dataloader = dict(dataset=dict(type=dataset_type, data_root=data_root))
