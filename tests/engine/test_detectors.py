"""Detectors of mmdet that this project was not made for, judged by their configs."""

import pytest
from mmengine.config import Config
from mmengine.hub import get_config

import isic_mmdet.register  # noqa: F401
from isic_mmdet.engine.detectors import check_precisions, mask_threshold, predicts_masks
from isic_mmdet.errors import InputError
from isic_mmdet.experiment import load_config, use_tta


def model_of(name: str) -> Config:
    return get_config(f'mmdet::{name}.py').model


@pytest.mark.parametrize(
    'name',
    [
        'mask_rcnn/mask-rcnn_r50_fpn_1x_coco',
        'cascade_rcnn/cascade-mask-rcnn_r50_fpn_1x_coco',
        'htc/htc_r50_fpn_1x_coco',
        'ms_rcnn/ms-rcnn_r50-caffe_fpn_1x_coco',
        'point_rend/point-rend_r50-caffe_fpn_ms-1x_coco',
    ],
)
def test_masks_like_those_of_mask_rcnn_are_taken(name):
    model = model_of(name)
    assert predicts_masks(model)
    assert mask_threshold(model) == 0.5


@pytest.mark.parametrize(
    'name',
    [
        'rtmdet/rtmdet-ins_tiny_8xb32-300e_coco',
        'solov2/solov2_r50_fpn_1x_coco',
        'mask2former/mask2former_r50_8xb2-lsj-50e_coco',
        'condinst/condinst_r50_fpn_ms-poly-90k_coco_instance',
        'yolact/yolact_r50_1xb8-55e_coco',
    ],
)
def test_other_masks_are_scored_but_neither_predicted_nor_averaged(root, name):
    model = model_of(name)
    assert predicts_masks(model)
    cfg = load_config(root / 'configs/quickstart.py')
    cfg.model = model
    with pytest.raises(InputError, match='does not predict its masks as Mask R-CNN does'):
        use_tta(cfg)
    cfg.model.test_cfg = None
    with pytest.raises(InputError, match='does not predict its masks as Mask R-CNN does'):
        mask_threshold(cfg.model)


@pytest.mark.parametrize(
    'name',
    ['faster_rcnn/faster-rcnn_r50_fpn_1x_coco', 'retinanet/retinanet_r50_fpn_1x_coco'],
)
def test_boxes_alone_are_refused(name):
    model = model_of(name)
    assert not predicts_masks(model)
    with pytest.raises(InputError, match='finds boxes and no masks'):
        mask_threshold(model)


def test_bfloat16_needs_a_model_that_knows_it(root):
    check_precisions(load_config(root / 'configs/quickstart.py').model)
    with pytest.raises(InputError, match='MaskRCNN has no precision'):
        check_precisions(model_of('mask_rcnn/mask-rcnn_r50_fpn_1x_coco'))
