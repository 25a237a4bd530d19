# Loaders and pipelines that every data set shares; the files beside this one say where it lies.
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations', with_bbox=True, with_mask=True),
    # Random crops and rotations reduce overfitting; docs/ablations.md.
    dict(type='RandomLesionCrop'),
    dict(type='Resize', scale=(512, 512), keep_ratio=True),
    # A lesion has no upright side. The flip and the distortion are mmdet's RandomFlip and
    # PhotoMetricDistortion, faster.
    dict(type='RandomTranspose'),
    dict(type='ContiguousRandomFlip', prob=0.75, direction=['horizontal', 'vertical', 'diagonal']),
    dict(type='BytePhotoMetricDistortion'),
    dict(type='PackLesionInputs'),
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=(512, 512), keep_ratio=True),
    dict(type='PackLesionInputs'),
]

train_dataloader = dict(
    batch_size=2,
    num_workers=2,
    persistent_workers=True,
    worker_init_fn=dict(type='exit_with_parent'),
    collate_fn=dict(type='shared_memory_collate'),
    sampler=dict(type='DefaultSampler', shuffle=True),
    batch_sampler=dict(type='SeededBatchSampler'),
    dataset=dict(
        type='LesionDataset',
        ann_file='annotations/train.json',
        data_prefix=dict(img='images/'),
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    batch_size=4,
    num_workers=2,
    persistent_workers=True,
    worker_init_fn=dict(type='exit_with_parent'),
    collate_fn=dict(type='shared_memory_collate'),
    # Every image once, also in several processes, and with no other padding than it has alone.
    sampler=dict(type='DefaultSampler', shuffle=False, round_up=False),
    batch_sampler=dict(type='SameShapeBatchSampler'),
    dataset=dict(
        type='LesionDataset',
        ann_file='annotations/val.json',
        data_prefix=dict(img='images/'),
        test_mode=True,
        pipeline=test_pipeline,
    ),
)
# Without `shared_memory_collate`: mmdet's inferencers read this, and mmengine 0.10.7 takes no dict.
test_dataloader = dict(
    batch_size=4,
    num_workers=2,
    worker_init_fn=dict(type='exit_with_parent'),
    # Every image once, also in several processes, and with no other padding than it has alone.
    sampler=dict(type='DefaultSampler', shuffle=False, round_up=False),
    batch_sampler=dict(type='SameShapeBatchSampler'),
    dataset=dict(
        type='LesionDataset',
        ann_file='annotations/test.json',
        data_prefix=dict(img='images/'),
        test_mode=True,
        pipeline=test_pipeline,
    ),
)
val_evaluator = dict(type='LesionMetric')
test_evaluator = dict(type='LesionMetric')
