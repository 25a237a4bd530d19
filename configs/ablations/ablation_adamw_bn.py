"""The start of the ablations: the recipe without the choices that they compare.

Masks are pooled by box size, their loss is cross-entropy, and images are only flipped.

Command:   python tools/train.py configs/ablations/ablation_adamw_bn.py --amp --cfg-options
           train_cfg.max_epochs=2 train_cfg.val_interval=2
           model.backbone.init_cfg.checkpoint=WEIGHTS
Data:      as isic2018_r18_256px.py
Number:    see docs/ablations.md
Hardware:  CPU
Time:      see there
Date:      2026-11-25
"""

_base_ = './isic2018_r18_256px.py'

cross_entropy = dict(_delete_=True, type='CrossEntropyLoss', use_mask=True)
model = dict(
    roi_head=dict(
        mask_roi_extractor=dict(finest_scale=56),
        mask_head=dict(loss_mask=cross_entropy),
    ),
)
train_pipeline = [
    {{_base_.load_image}},
    {{_base_.load_truth}},
    {{_base_.resize}},
    {{_base_.flip}},
    {{_base_.colors}},
    {{_base_.pack}},
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
