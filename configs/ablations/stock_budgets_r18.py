"""The recipe with stock mmdet's pyramid and budgets, to compare the scores.

Command:   python tools/train.py configs/ablations/stock_budgets_r18.py --cfg-options
           train_cfg.max_epochs=2 model.backbone.init_cfg.checkpoint=WEIGHTS
Data:      as isic2018_r18_256px.py
Number:    see docs/ablations.md, "Equal accuracy"
Hardware:  CPU
Time:      see there
Date:      2026-11-25
"""

_base_ = './ablation_adamw_bn.py'

levels = [4, 8, 16, 32]
samples = dict(featmap_strides=levels, roi_layer=dict(sampling_ratio=0))
model = dict(
    neck=dict(
        _delete_=True,
        type='FPN',
        in_channels=[64, 128, 256, 512],
        out_channels=128,
        num_outs=5,
        norm_cfg=dict(type='BN', requires_grad=True),
    ),
    rpn_head=dict(anchor_generator=dict(scales=[8], strides=[*levels, 64])),
    roi_head=dict(bbox_roi_extractor=samples, mask_roi_extractor=samples),
    train_cfg=dict(
        rpn=dict(assigner=dict(min_pos_iou=0.3), sampler=dict(num=256)),
        rpn_proposal=dict(nms_pre=2000, max_per_img=1000),
        rcnn=dict(sampler=dict(num=512)),
    ),
    test_cfg=dict(
        rpn=dict(nms_pre=1000, max_per_img=1000),
        rcnn=dict(score_thr=0.05, max_per_img=100),
    ),
)
