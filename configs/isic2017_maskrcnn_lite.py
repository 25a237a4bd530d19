"""ISIC 2017 from full ImageNet weights: outline the lesion and predict melanoma or benign.

Command:   python tools/train.py configs/isic2017_maskrcnn_lite.py --amp
Data:      tools/prepare_isic.py 2017, data/isic2017, two classes: benign, melanoma
Number:    area under the ROC curve 0.798 and lesion/iou 0.776 on 526 test images (0.801 and 0.780
           with --tta), seed 0
Hardware:  two CPU cores, no GPU
Time:      128 minutes with other work on the machine
Date:      2026-11-28
"""

_base_ = './isic2018_maskrcnn_lite.py'

# Box and mask heads know one class, lesion. A second backbone predicts the diagnosis, once per
# image, from a crop around the lesion and from the image; docs/ablations.md says what that brings.
model = dict(
    # The pyramid takes the place of the finest map, which it does not use, for the image.
    backbone=dict(out_indices=(2, 3, 4), return_images=True),
    neck=dict(in_channels=[3, 40, 112, 320], passthrough_levels=(0,)),
    roi_head=dict(
        type='LesionDiagnosisRoIHead',
        mask_head=dict(class_agnostic=True),
        diagnosis_head=dict(
            type='CropDiagnosisHead',
            # The first stages keep their weights: there are few melanomas to learn from.
            backbone=dict(
                type='TimmBackbone',
                name='efficientnet_lite0',
                out_indices=(2, 3, 4),
                frozen_stages=2,
                norm_eval=True,
                model_kwargs=dict(bn_eps=1e-3),
                init_cfg=dict(type='Pretrained', checkpoint={{_base_.weights}}),
            ),
            in_channels=[40, 112, 320],
            num_classes=2,
            # 326 of 1,777 training images show a melanoma; 1777 / (2 * 1451) and 1777 / (2 * 326)
            # give both classes the same weight. AdamW learns as fast from a small loss, and most of
            # the clipped gradient is left for the other losses.
            loss=dict(type='CrossEntropyLoss', class_weight=[0.61, 2.73], loss_weight=0.1),
        ),
    ),
)

dataset_type = 'LesionDiagnosisDataset'
data_root = '{{ fileDirname }}/../data/isic2017/'
train_pipeline = [
    {{_base_.load_image}},
    {{_base_.load_truth}},
    {{_base_.crop}},
    {{_base_.stretch}},
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
# A second backbone of pretrained weights overfits a few hundred melanomas at the detector's rate.
optim_wrapper = dict(paramwise_cfg=dict(custom_keys={'diagnosis_head': dict(lr_mult=0.25)}))
train_cfg = dict(max_epochs=12)
