# SGD with linear warm-up and cosine decay, which ends with max_epochs. The learning rate belongs to
# base_batch_size, and is scaled linearly to the batch size in use.
train_cfg = dict(type='ResumableEpochTrainLoop', max_epochs=24, val_interval=1)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')

optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='SGD', lr=0.02, momentum=0.9, weight_decay=1e-4),
    clip_grad=dict(max_norm=35, norm_type=2),
)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.001, by_epoch=False, begin=0, end=500),
    dict(type='CosineAnnealingLR', eta_min=0, by_epoch=True, convert_to_iter_based=True),
]
auto_scale_lr = dict(enable=True, base_batch_size=16)
