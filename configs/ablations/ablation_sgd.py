"""SGD instead of AdamW, and no batch norm in pyramid and mask head.

Command:   python tools/train.py configs/ablations/ablation_sgd.py --amp --cfg-options
           train_cfg.max_epochs=2 train_cfg.val_interval=2
           model.backbone.init_cfg.checkpoint=WEIGHTS
Data:      as isic2018_r18_256px.py
Number:    see docs/ablations.md
Hardware:  CPU
Time:      see there
Date:      2026-11-25
"""

_base_ = './ablation_adamw_bn.py'

model = dict(neck=dict(norm_cfg=None), roi_head=dict(mask_head=dict(norm_cfg=None)))

optim_wrapper = dict(
    optimizer=dict(_delete_=True, type='SGD', lr=0.01, momentum=0.9, weight_decay=1e-4),
    clip_grad=dict(max_norm=35),
)
