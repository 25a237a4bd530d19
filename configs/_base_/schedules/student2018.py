# 30 epochs at one learning rate, as in the student project of 2018; StagedTrainingHook of the leaf
# config says what is trained when. The project's description has no rate: this is the default of
# matterport's Mask R-CNN, with its momentum, weight decay and gradient clipping.
train_cfg = dict(type='ResumableEpochTrainLoop', max_epochs=30, val_interval=1)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')

optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='SGD', lr=0.001, momentum=0.9, weight_decay=1e-4),
    clip_grad=dict(max_norm=5, norm_type=2),
)
param_scheduler = []
auto_scale_lr = dict(enable=True, base_batch_size=2)
