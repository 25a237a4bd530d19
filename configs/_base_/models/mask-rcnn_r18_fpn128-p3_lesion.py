# The same from P3 up and with fewer proposals, for images of 256 px; see docs/performance.md.
_base_ = './mask-rcnn_r18_fpn128_lesion.py'

model = dict(
    neck=dict(type='P3FPN', num_outs=4),
    # Anchors of 32 to 256 px, as large as lesions are at this size. However badly they fit a
    # lesion, the best of them is trained for it.
    rpn_head=dict(anchor_generator=dict(scales=[4], strides=[8, 16, 32, 64])),
    roi_head=dict(
        bbox_roi_extractor=dict(featmap_strides=[8, 16, 32]),
        mask_roi_extractor=dict(featmap_strides=[8, 16, 32]),
    ),
    train_cfg=dict(
        rpn=dict(assigner=dict(min_pos_iou=0.0)),
        rpn_proposal=dict(nms_pre=200),
    ),
    test_cfg=dict(rpn=dict(nms_pre=200)),
)
