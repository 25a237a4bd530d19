"""A tiny model, written with the names of the previous release."""

custom_imports = dict(imports=['isic_mmdet.register'], allow_failed_imports=False)
default_scope = 'mmdet'

norm = dict(type='BN', requires_grad=True)
model = dict(
    type='LesionMaskRCNN',
    data_preprocessor=dict(
        type='DetDataPreprocessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
        pad_mask=True,
        pad_size_divisor=32,
    ),
    backbone=dict(
        type='ResNet',
        depth=18,
        base_channels=2,
        num_stages=3,
        strides=(1, 2, 2),
        dilations=(1, 1, 1),
        out_indices=(0, 1, 2),
        norm_cfg=norm,
        style='pytorch',
    ),
    neck=dict(
        type='CoarseFPN',
        in_channels=[2, 4, 8],
        out_channels=4,
        num_outs=3,
        stages=(0, 1),
    ),
    rpn_head=dict(
        type='LesionRPNHead',
        in_channels=4,
        feat_channels=4,
        anchor_generator=dict(
            type='AnchorGenerator', scales=[4], ratios=[0.5, 1.0, 2.0], strides=[8, 16, 32]
        ),
        bbox_coder=dict(type='DeltaXYWHBBoxCoder'),
        loss_cls=dict(type='CrossEntropyLoss', use_sigmoid=True),
        loss_bbox=dict(type='L1Loss'),
    ),
    roi_head=dict(
        type='StandardRoIHead',
        bbox_roi_extractor=dict(
            type='SingleRoIExtractor',
            roi_layer=dict(type='RoIAlign', output_size=2, sampling_ratio=2),
            out_channels=4,
            featmap_strides=[8, 16],
        ),
        bbox_head=dict(
            type='LesionBBoxHead',
            in_channels=4,
            fc_out_channels=8,
            roi_feat_size=2,
            num_classes=1,
            bbox_coder=dict(type='DeltaXYWHBBoxCoder', target_stds=[0.1, 0.1, 0.2, 0.2]),
            loss_cls=dict(type='CrossEntropyLoss'),
            loss_bbox=dict(type='L1Loss'),
        ),
        mask_roi_extractor=dict(
            type='SingleRoIExtractor',
            roi_layer=dict(type='RoIAlign', output_size=4, sampling_ratio=2),
            out_channels=4,
            featmap_strides=[8, 16],
        ),
        mask_head=dict(
            type='LesionMaskHead',
            num_convs=1,
            in_channels=4,
            conv_out_channels=4,
            num_classes=1,
            loss_mask=dict(type='JaccardMaskLoss'),
        ),
    ),
    train_cfg=dict(
        rpn=dict(
            assigner=dict(type='MaxIoUAssigner', pos_iou_thr=0.7, neg_iou_thr=0.3, min_pos_iou=0.0),
            sampler=dict(type='RandomSampler', num=16, pos_fraction=0.5, add_gt_as_proposals=False),
            allowed_border=-1,
            pos_weight=-1,
        ),
        rpn_proposal=dict(
            nms_pre=20, max_per_img=10, nms=dict(type='nms', iou_threshold=0.7), min_bbox_size=0
        ),
        rcnn=dict(
            assigner=dict(type='MaxIoUAssigner', pos_iou_thr=0.5, neg_iou_thr=0.5, min_pos_iou=0.5),
            sampler=dict(type='RandomSampler', num=8, pos_fraction=0.25),
            mask_size=8,
            pos_weight=-1,
        ),
    ),
    test_cfg=dict(
        rpn=dict(
            nms_pre=20, max_per_img=10, nms=dict(type='nms', iou_threshold=0.7), min_bbox_size=0
        ),
        rcnn=dict(
            score_thr=0.0,
            nms=dict(type='nms', iou_threshold=0.5),
            max_per_img=3,
            mask_thr_binary=0.5,
        ),
    ),
)

train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations', with_bbox=True, with_mask=True),
    dict(type='Resize', scale=(64, 64), keep_ratio=True),
    dict(type='PackLesionInputs'),
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=(64, 64), keep_ratio=True),
    dict(type='PackLesionInputs'),
]
train_dataloader = dict(
    batch_size=4,
    num_workers=0,
    worker_init_fn=dict(type='end_with_trainer'),
    collate_fn=dict(type='collate_lesions'),
    sampler=dict(type='DefaultSampler', shuffle=True),
    batch_sampler=dict(type='SeededBatchSampler'),
    dataset=dict(
        type='LesionDataset',
        data_root='data/tiny',
        ann_file='annotations/train.json',
        data_prefix=dict(img='images/'),
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    num_workers=0,
    batch_size=2,
    worker_init_fn=dict(type='end_with_trainer'),
    collate_fn=dict(type='collate_lesions'),
    sampler=dict(type='DefaultSampler', shuffle=False, round_up=False),
    dataset=dict(
        type='LesionDataset',
        data_root='data/tiny',
        ann_file='annotations/val.json',
        data_prefix=dict(img='images/'),
        test_mode=True,
        pipeline=test_pipeline,
    ),
)
test_dataloader = dict(
    num_workers=0,
    batch_size=2,
    worker_init_fn=dict(type='end_with_trainer'),
    sampler=dict(type='DefaultSampler', shuffle=False, round_up=False),
    dataset=dict(
        type='LesionDataset',
        data_root='data/tiny',
        ann_file='annotations/test.json',
        data_prefix=dict(img='images/'),
        test_mode=True,
        pipeline=test_pipeline,
    ),
)
val_evaluator = dict(type='LesionMetric')
test_evaluator = [
    dict(type='LesionMetric'),
    dict(type='PredictionDump', out_file='work_dirs/tiny/test.json'),
]

train_cfg = dict(type='LesionTrainLoop', max_epochs=2, val_interval=1)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
optim_wrapper = dict(
    type='FiniteOptimWrapper',
    optimizer=dict(type='SGD', lr=0.01),
    clip_grad=dict(max_norm=1),
)
param_scheduler = []
default_hooks = dict(
    logger=dict(type='LoggerHook', interval=1),
    checkpoint=dict(type='CheckpointHook', interval=1, save_best='lesion/iou', rule='greater'),
    iou_report=dict(type='IoUReportHook'),
    repeatable_steps=dict(type='RepeatableStepsHook'),
    run_state=dict(type='RunStateHook'),
    resume=dict(type='ResumeHook'),
    rate_ramp=dict(type='RateRampHook'),
)
custom_hooks = [dict(type='ValidationLossHook')]
log_processor = dict(window_size=1)
visualizer = dict(type='DetLocalVisualizer', vis_backends=[dict(type='LocalVisBackend')])
randomness = dict(seed=0)
