# mask-rcnn_r50_fpn_lesion.py from P3 up and with fewer proposals, for images of 512 px, and with
# heads that process a batch at once, for a GPU; see docs/performance.md.
_base_ = './mask-rcnn_r50_fpn_lesion.py'

model = dict(
    neck=dict(type='P3FPN', num_outs=4),
    # Anchors of 64 to 512 px, as large as lesions are at this image size.
    rpn_head=dict(type='BatchedRPNHead', anchor_generator=dict(strides=[8, 16, 32, 64])),
    roi_head=dict(
        type='BatchedRoIHead',
        # Boxes of P2 go to P3, the others stay. A fixed number of samples per bin, as in
        # torchvision, costs less than mmdet's adaptive one.
        bbox_roi_extractor=dict(
            featmap_strides=[8, 16, 32], finest_scale=112, roi_layer=dict(sampling_ratio=2)
        ),
        # Outlines need detail: every mask is pooled from P3, however large its box is.
        mask_roi_extractor=dict(
            featmap_strides=[8, 16, 32], finest_scale=512, roi_layer=dict(sampling_ratio=2)
        ),
        # Small lesions count as much as large ones, as in the score.
        mask_head=dict(loss_mask=dict(_delete_=True, type='BCEJaccardLoss')),
    ),
    train_cfg=dict(
        # The best anchor of a lesion learns it, even where they overlap little.
        rpn=dict(assigner=dict(min_pos_iou=0.0)),
        rpn_proposal=dict(nms_pre=200, max_per_img=100),
        rcnn=dict(sampler=dict(num=32)),
    ),
    test_cfg=dict(rpn=dict(nms_pre=200, max_per_img=30)),
)
