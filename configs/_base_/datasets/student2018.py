# ISIC 2018 as the student project of 2018 had it: each training and validation image also upside
# down and mirrored, as samples of their own (tools/prepare_isic.py --flip-copies), and photometric
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
    {{_base_.load_image}},
    {{_base_.load_truth}},
    {{_base_.resize}},
    photometric,
    {{_base_.pack}},
]

train_dataloader = dict(
    # 1,500 steps of two images an epoch, from 4,374 images.
    sampler=dict(_delete_=True, type='FixedLengthSampler', num_samples=3000),
    dataset=dict(data_root=data_root, pipeline=train_pipeline),
)
val_dataloader = dict(dataset=dict(data_root=data_root))
test_dataloader = dict(dataset=dict(data_root=data_root))
