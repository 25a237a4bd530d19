# Data, schedule and hooks that all architectures of configs/zoo/ share.
_base_ = ['./datasets/lesion_256px.py', './schedules/adamw_cosine.py', './default_runtime.py']

default_hooks = dict(
    # Each process updates its own batch-norm statistics; validation needs one model.
    sync_buffers=dict(type='SyncBuffersHook'),
    early_stopping=None,  # the score still rises while the cosine schedule ends
    validation_loss=None,  # measured without; it adds about a tenth to the time
)
