# Settings of every run: registration, hooks, logging, visualization, random seed.
_base_ = 'mmdet::_base_/default_runtime.py'

custom_imports = dict(imports=['isic_mmdet.register'], allow_failed_imports=False)

# Every hook has a name here, so that a config can set one of its keys, or switch it off with
# NAME=None and the reason. A recipe may add: sync_buffers, staged_training, ema.
default_hooks = dict(
    logger=dict(interval=20),
    checkpoint=dict(
        interval=1,
        max_keep_ckpts=2,
        save_best='lesion/iou',
        rule='greater',
        save_last=True,
        backend_args=dict(backend='atomic'),
    ),
    evaluation_report=dict(type='EvaluationReportHook'),
    expected_iou=dict(type='ExpectedIoUHook'),
    # A resumed run ends as if it had not been interrupted.
    per_step_seed=dict(type='PerStepSeedHook'),
    run_state=dict(type='RunStateHook'),
    resume=dict(type='ResumeHook'),
    rate_ramp=dict(type='RateRampHook'),
    # The IoU of a small validation split moves by about 0.005 between epochs without any progress.
    early_stopping=dict(
        type='ResumableEarlyStoppingHook',
        monitor='lesion/iou',
        rule='greater',
        min_delta=0.002,
        patience=6,
    ),
    validation_loss=dict(type='ValidationLossHook'),
)

# A logged loss is the mean since the previous one.
log_processor = dict(window_size=20)
visualizer = dict(vis_backends=[dict(type='LocalVisBackend'), dict(type='TensorboardVisBackend')])
randomness = dict(seed=0)
