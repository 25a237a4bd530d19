# ISIC 2017 as the 2017 seed had it: the official split, a random subset of 100 training images, and
# torchvision's sizes, a shorter side of 800 px and a longer one of at most 1333.
_base_ = './isic2017.py'

train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations', with_bbox=True, with_mask=True),
    dict(type='Resize', scale=(1333, 800), keep_ratio=True),
    dict(type='PackLesionInputs'),
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=(1333, 800), keep_ratio=True),
    dict(type='PackLesionInputs'),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline, subset=dict(size=100, seed=0)))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
