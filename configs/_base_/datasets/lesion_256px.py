# lesion.py at 256 px, for two CPU cores.
_base_ = './lesion.py'

# Crops have any shape and become squares, and so does every other image.
stretch = dict(type='Resize', scale=(256, 256), keep_ratio=False)
train_pipeline = [
    {{_base_.load_image}},
    {{_base_.load_truth}},
    {{_base_.crop}},
    stretch,
    {{_base_.transpose}},
    {{_base_.flip}},
    {{_base_.colors}},
    {{_base_.pack}},
]
test_pipeline = [{{_base_.load_image}}, stretch, {{_base_.pack}}]
data_root = '{{ fileDirname }}/../../../data/isic2018/'
test_data = dict(data_root=data_root, pipeline=test_pipeline)
train_dataloader = dict(
    batch_size=4, num_workers=1, dataset=dict(data_root=data_root, pipeline=train_pipeline)
)
val_dataloader = dict(batch_size=8, num_workers=1, dataset=test_data)
test_dataloader = dict(batch_size=8, num_workers=1, dataset=test_data)
