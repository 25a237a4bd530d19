# ISIC 2017 as tools/prepare_isic.py 2017 lays it out: benign and melanoma.
_base_ = './lesion.py'

data_root = '{{ fileDirname }}/../../../data/isic2017/'
dataset_type = 'LesionDiagnosisDataset'

train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations', with_bbox=True, with_mask=True),
    dict(type='RandomLesionCrop'),
    dict(type='Resize', scale=(512, 512), keep_ratio=True),
    dict(type='RandomTranspose'),
    dict(type='ContiguousRandomFlip', prob=0.75, direction=['horizontal', 'vertical', 'diagonal']),
    # Colors tell melanomas, so they stay near what they are.
    dict(type='BytePhotoMetricDistortion', hue_delta=10, swap_channels=False),
    dict(type='PackLesionInputs'),
]
train_dataloader = dict(
    dataset=dict(type=dataset_type, data_root=data_root, pipeline=train_pipeline)
)
val_dataloader = dict(dataset=dict(type=dataset_type, data_root=data_root))
test_dataloader = dict(dataset=dict(type=dataset_type, data_root=data_root))
