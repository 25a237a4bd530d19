# Mask R-CNN for images of one lesion: mmdet's model with budgets that fit the task.
# mmdet keeps 1,000 proposals and 100 detections, each with a mask of image size.
_base_ = 'mmdet::_base_/models/mask-rcnn_r50_fpn.py'

model = dict(
    type='LesionMaskRCNN',
    rpn_head=dict(type='Float32RPNHead'),
    roi_head=dict(
        bbox_head=dict(type='Float32BBoxHead', num_classes=1),
        mask_head=dict(type='StripPasteMaskHead', num_classes=1),
    ),
    train_cfg=dict(
        rpn=dict(sampler=dict(num=128)),
        rpn_proposal=dict(nms_pre=1000, max_per_img=200),
        # A quarter of 64 are positive: one lesion has no more good proposals.
        rcnn=dict(sampler=dict(num=64)),
    ),
    test_cfg=dict(
        rpn=dict(nms_pre=500, max_per_img=50),
        # Every image shows a lesion: a weak best guess is better than none, and its score is low.
        rcnn=dict(score_thr=0.001, max_per_img=3),
    ),
)
