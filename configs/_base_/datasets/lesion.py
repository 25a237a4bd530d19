# Loaders and pipelines of every data set; the files next to this one say where the data are.

# The parts of the pipelines. A config that changes one of them puts the pipeline together again
# from these names, such as {{_base_.load_image}}; docs/configs.md has an example.
load_image = dict(type='LoadImageFromFile')
load_truth = dict(type='LoadAnnotations', with_bbox=True, with_mask=True)
# Random crops and rotations reduce overfitting; see docs/ablations.md.
crop = dict(type='RandomLesionCrop')
resize = dict(type='Resize', scale=(512, 512), keep_ratio=True)
# A lesion has no upright side.
transpose = dict(type='RandomTranspose')
flip = dict(
    type='ContiguousRandomFlip', prob=0.75, direction=['horizontal', 'vertical', 'diagonal']
)
colors = dict(type='BytePhotoMetricDistortion')
# The color of a lesion is a sign of melanoma, so data sets with diagnoses distort it less.
mild_colors = dict(type='BytePhotoMetricDistortion', hue_delta=10, swap_channels=False)
pack = dict(type='PackLesionInputs')

train_pipeline = [load_image, load_truth, crop, resize, transpose, flip, colors, pack]
test_pipeline = [load_image, resize, pack]

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
    # Every image once, also in several processes, and padded as if it were alone in its batch.
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
