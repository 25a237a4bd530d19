"""ISIC 2017 on two CPU cores: outline the lesion and predict melanoma or benign.

Command:   bash tools/dist_train.sh configs/ablations/isic2017_r18_256px.py 2 --amp
Data:      tools/prepare_isic.py 2017, data/isic2017, two classes: benign, melanoma; measured on
           1,577 / 109 / 455 images of 512 px, from ImageNet weights for stem to layer3 only
Number:    lesion/iou 0.789, melanoma AUC 0.798 on the validation split, 0.786 and 0.757 on the
           test split (seed 0)
Hardware:  two CPU cores with bfloat16, no GPU
Time:      67 minutes
Date:      2026-11-26
"""

_base_ = './isic2018_r18_256px.py'

# Box and mask heads know one class, lesion. A separate head reads the stages of the backbone that
# have weights, and predicts the diagnosis. docs/ablations.md says what that brings.
model = dict(
    neck=dict(passthrough_levels=(0, 1, 2)),
    roi_head=dict(
        type='LesionDiagnosisRoIHead',
        # Cross-entropy alone: the Jaccard index in the loss brings nothing here.
        mask_head=dict(
            class_agnostic=True,
            loss_mask=dict(_delete_=True, type='CrossEntropyLoss', use_mask=True),
        ),
        diagnosis_head=dict(
            type='LesionDiagnosisHead',
            in_channels=(64, 128, 256),
            strides=(4, 8, 16),
            num_classes=2,
            # 304 of 1,577 training images show a melanoma; 1577 / (2 * 1273) and 1577 / (2 * 304)
            # give both classes the same weight. AdamW learns as fast from a small loss, and most
            # of the clipped gradient is left for the other losses.
            loss=dict(type='CrossEntropyLoss', class_weight=[0.62, 2.59], loss_weight=0.1),
        ),
    ),
)

dataset_type = 'LesionDiagnosisDataset'
data_root = '{{ fileDirname }}/../../data/isic2017/'
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
train_cfg = dict(max_epochs=24)
