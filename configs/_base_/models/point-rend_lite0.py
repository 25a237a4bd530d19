# PointRend: a coarse mask is refined at the points where it is least certain.
_base_ = './mask-rcnn_lite0_fpn128-p3_lesion.py'

model = dict(
    type='PointRend',
    roi_head=dict(
        type='PointRendRoIHead',
        mask_roi_extractor=dict(
            _delete_=True,
            out_channels=128,
            type='GenericRoIExtractor',
            aggregation='concat',
            featmap_strides=[8],
            roi_layer=dict(type='SimpleRoIAlign', output_size=14),
        ),
        mask_head=dict(
            _delete_=True,
            type='CoarseMaskHead',
            num_fcs=2,
            in_channels=128,
            conv_out_channels=128,
            fc_out_channels=512,
            num_classes=1,
        ),
        point_head=dict(
            type='MaskPointHead', num_fcs=3, in_channels=128, fc_channels=128, num_classes=1
        ),
    ),
    train_cfg=dict(
        rcnn=dict(mask_size=7, num_points=196, oversample_ratio=3, importance_sample_ratio=0.75)
    ),
    test_cfg=dict(rcnn=dict(subdivision_steps=3, subdivision_num_points=784, scale_factor=2)),
)
