# torchvision's maskrcnn_resnet50_fpn in mmdet, for benign and melanoma. All settings that are not
# here are the same in both: ImageNet statistics (mmdet's are torchvision's times 255, for RGB from
# 0 to 255), padding to multiples of 32, box-coder weights (10, 10, 5, 5) as deviations, sizes and
# clipping at log(1000 / 16), 256 anchors and 512 regions per image, thresholds, 100 detections.
# Three small things of torchvision are not possible in mmdet: mask targets that are shifted by
# half a pixel (RoIAlign with aligned=False on the truth), no final boxes below 0.01 px, and no
# clipping of boxes that shrink to less than 16 / 1000 of their proposal.
_base_ = 'mmdet::_base_/models/mask-rcnn_r50_fpn.py'

model = dict(
    type='LesionMaskRCNN',
    backbone=dict(
        # Frozen: batch norm, stem and layer1 (mmdet trains the norm's weight and bias).
        norm_cfg=dict(type='BN', requires_grad=False),
        norm_eval=True,
        frozen_stages=1,
    ),
    rpn_head=dict(
        type='Float32RPNHead',
        # Corners are rounded, and the distances in P6 depend on the size of the input.
        anchor_generator=dict(type='TorchvisionAnchorGenerator'),
        loss_bbox=dict(_delete_=True, type='SmoothL1Loss', beta=1 / 9),  # mmdet: L1
    ),
    roi_head=dict(
        # mmdet moves the regions by half a pixel and samples adaptively.
        bbox_roi_extractor=dict(roi_layer=dict(sampling_ratio=2, aligned=False)),
        mask_roi_extractor=dict(roi_layer=dict(sampling_ratio=2, aligned=False)),
        bbox_head=dict(
            type='Float32BBoxHead',
            num_classes=2,
            loss_bbox=dict(_delete_=True, type='SmoothL1Loss', beta=1 / 9),  # mmdet: L1
        ),
        mask_head=dict(type='StripPasteMaskHead', num_classes=2),
    ),
    train_cfg=dict(
        # The best anchor of a lesion learns it at any overlap; mmdet requires 0.3.
        rpn=dict(assigner=dict(min_pos_iou=0.0)),
        rpn_proposal=dict(max_per_img=2000, min_bbox_size=1e-3),  # mmdet: 1000, 0
        rcnn=dict(
            assigner=dict(match_low_quality=False),  # mmdet: True, without effect at its 0.5
            soft_mask_target=True,  # mmdet rounds the resampled truth to 0 and 1
        ),
    ),
    test_cfg=dict(rpn=dict(min_bbox_size=1e-3)),  # mmdet: 0
)
