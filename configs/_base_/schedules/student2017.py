# 20 epochs of SGD at one learning rate, as in the student project of 2017. Its description has the
# rate for a batch of 2; momentum and weight decay are those of torchvision's training script.
train_cfg = dict(type='ResumableEpochTrainLoop', max_epochs=20, val_interval=1)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')

optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='SGD', lr=0.0025, momentum=0.9, weight_decay=1e-4),
)
param_scheduler = []
auto_scale_lr = dict(enable=True, base_batch_size=2)
