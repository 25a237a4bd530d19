# ISIC 2017 as tools/prepare_isic.py 2017 lays it out: benign and melanoma.
_base_ = './lesion.py'

data_root = '{{ fileDirname }}/../../../data/isic2017/'
dataset_type = 'LesionDiagnosisDataset'

train_pipeline = [
    {{_base_.load_image}},
    {{_base_.load_truth}},
    {{_base_.crop}},
    {{_base_.resize}},
    {{_base_.transpose}},
    {{_base_.flip}},
    {{_base_.mild_colors}},
    {{_base_.pack}},
]
train_dataloader = dict(
    dataset=dict(type=dataset_type, data_root=data_root, pipeline=train_pipeline)
)
val_dataloader = dict(dataset=dict(type=dataset_type, data_root=data_root))
test_dataloader = dict(dataset=dict(type=dataset_type, data_root=data_root))
