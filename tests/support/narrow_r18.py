# The quickstart with a small network and random weights, for tests of predictions.
_base_ = '../../configs/quickstart.py'

extractor = dict(out_channels=64)
model = dict(
    data_preprocessor=dict(mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375]),
    backbone=dict(
        _delete_=True, type='ResNet', depth=18, base_channels=32, frozen_stages=-1, init_cfg=None
    ),
    neck=dict(in_channels=[32, 64, 128, 256], out_channels=64, norm_cfg=None),
    rpn_head=dict(in_channels=64, feat_channels=64),
    roi_head=dict(
        bbox_roi_extractor=extractor,
        bbox_head=dict(in_channels=64, fc_out_channels=256),
        mask_roi_extractor=dict(extractor, finest_scale=56),
        mask_head=dict(in_channels=64, conv_out_channels=64, norm_cfg=None),
    ),
)
