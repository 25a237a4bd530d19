# ISIC 2018 as the 2018 seed had it: every training and validation image also upside down and
# mirrored, as samples of their own (tools/prepare_isic.py --flip-copies), and photometric
# augmentation in random number and order. The copies take the place of RandomFlip.
_base_ = './lesion.py'

data_root = '{{ fileDirname }}/../../../data/student2018/'

photometric = dict(
    type='SomeOf',
    transforms=[
        dict(type='GaussianBlur', sigma=(0.0, 2.0)),
        # Coarse dropout: up to eight black rectangles of a twentieth of each side.
        dict(type='CutOut', n_holes=(1, 8), cutout_ratio=(0.05, 0.05)),
        dict(type='ChannelBrightness', factor=(0.7, 1.3)),
        # 1 is the image itself, 2 the most that mmcv sharpens.
        dict(type='Sharpness', min_mag=1.0, max_mag=2.0),
    ],
)
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations', with_bbox=True, with_mask=True),
    dict(type='Resize', scale=(512, 512), keep_ratio=True),
    photometric,
    dict(type='PackLesionInputs'),
]

train_dataloader = dict(
    # 1,500 steps of two images an epoch, of the 4,374.
    sampler=dict(_delete_=True, type='FixedLengthSampler', num_samples=3000),
    dataset=dict(data_root=data_root, pipeline=train_pipeline),
)
val_dataloader = dict(dataset=dict(data_root=data_root))
test_dataloader = dict(dataset=dict(data_root=data_root))
