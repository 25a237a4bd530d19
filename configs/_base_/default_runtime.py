# What every run shares: registration, logging, checkpoints, early stopping, plots, seed.
_base_ = 'mmdet::_base_/default_runtime.py'

custom_imports = dict(imports=['isic_mmdet.register'], allow_failed_imports=False)

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
    # A run that was stopped goes on as if it had not been.
    per_step_seed=dict(type='PerStepSeedHook'),
    run_state=dict(type='RunStateHook'),
    resume=dict(type='ResumeHook'),
    rate_ramp=dict(type='RateRampHook'),
)

custom_hooks = [
    # Validation IoU of a small split moves by about 0.005 between epochs: that is no progress.
    dict(
        type='ResumableEarlyStoppingHook',
        monitor='lesion/iou',
        rule='greater',
        min_delta=0.002,
        patience=6,
    ),
    dict(type='ValidationLossHook'),
]

# Every logged loss is the mean since the one before.
log_processor = dict(window_size=20)
visualizer = dict(vis_backends=[dict(type='LocalVisBackend'), dict(type='TensorboardVisBackend')])
randomness = dict(seed=0)
