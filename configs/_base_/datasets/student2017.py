# ISIC 2017 as the student project of 2017 had it: the official split, a random subset of 100
# training images, and torchvision's sizes, a shorter side of 800 px and a longer one of at most
# 1333 px.
_base_ = './lesion.py'

data_root = '{{ fileDirname }}/../../../data/isic2017/'
dataset_type = 'LesionDiagnosisDataset'

resize = dict(type='Resize', scale=(1333, 800), keep_ratio=True)
train_pipeline = [{{_base_.load_image}}, {{_base_.load_truth}}, resize, {{_base_.pack}}]
test_data = dict(
    type=dataset_type,
    data_root=data_root,
    pipeline=[{{_base_.load_image}}, resize, {{_base_.pack}}],
)
train_dataloader = dict(
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        pipeline=train_pipeline,
        subset=dict(size=100, seed=0),
    )
)
val_dataloader = dict(dataset=test_data)
test_dataloader = dict(dataset=test_data)
