"""Detectors of mmdet for which this project was not made."""

import pytest
from mmengine.hub import get_config

import isic_mmdet.register  # noqa: F401
from isic_mmdet.engine.checks.detectors import (
    can_keep_one,
    check_exportable,
    check_precisions,
    detector_errors,
    mask_threshold,
    predicts_box_masks,
    predicts_masks,
)
from isic_mmdet.engine.config.load import load_config
from isic_mmdet.errors import InputError
from tests.support.mmdet_models import (
    CONDINST,
    MASK2FORMER,
    RTMDET,
    SOLO,
    TWO_STAGE,
    tiny_model,
)

MASK_RCNN = TWO_STAGE[0]
HTC = 'htc/htc_r50_fpn_1x_coco'
YOLACT = 'yolact/yolact_r50_1xb8-55e_coco'


def model_of(name: str):
    return get_config(f'mmdet::{name}.py').model


@pytest.fixture
def cfg(root):
    return load_config(root / 'configs/quickstart.py')


@pytest.fixture
def errors_of(cfg):
    """Return a function that returns the errors of a model with other settings."""

    def errors_of(model, *loaders, **settings) -> str:
        cfg.model = model
        cfg.merge_from_dict(settings)
        return ' '.join(detector_errors(cfg, loaders or ('train_dataloader', 'val_dataloader')))

    return errors_of


@pytest.mark.parametrize('name', [*TWO_STAGE, HTC])
def test_masks_in_boxes_have_the_threshold_of_the_config(name):
    model = model_of(name)
    assert predicts_masks(model) and predicts_box_masks(model)
    model.test_cfg.rcnn.mask_thr_binary = 0.4
    assert mask_threshold(model) == 0.4


@pytest.mark.parametrize('name', [RTMDET, SOLO, MASK2FORMER, CONDINST, YOLACT])
def test_masks_of_the_complete_image_need_more_than_half_of_the_views(name):
    model = model_of(name)
    assert predicts_masks(model) and not predicts_box_masks(model)
    assert mask_threshold(model) == 0.5
    model.test_cfg = None
    assert mask_threshold(model) == 0.5


def test_only_mask_rcnn_is_exported(cfg):
    check_exportable(cfg.model)
    check_exportable(model_of(MASK_RCNN))
    for name in (*TWO_STAGE[1:], SOLO):
        with pytest.raises(InputError, match='is not a MaskRCNN'):
            check_exportable(model_of(name))


@pytest.mark.parametrize(
    'name', ['faster_rcnn/faster-rcnn_r50_fpn_1x_coco', 'retinanet/retinanet_r50_fpn_1x_coco']
)
def test_boxes_alone_are_refused(name):
    model = model_of(name)
    assert not predicts_masks(model)
    with pytest.raises(InputError, match='predicts boxes and no masks'):
        mask_threshold(model)


def test_bfloat16_needs_a_model_with_a_precision(cfg):
    check_precisions(cfg.model)
    with pytest.raises(InputError, match='MaskRCNN has no setting precision'):
        check_precisions(model_of(MASK_RCNN))


@pytest.mark.parametrize('name', [*TWO_STAGE, SOLO, CONDINST, MASK2FORMER])
def test_detectors_that_can_be_trained_have_no_errors(errors_of, name):
    assert not errors_of(tiny_model(name))


def test_complete_masks_need_padding(errors_of):
    found = errors_of(tiny_model(RTMDET))
    assert 'pad_mask=True' in found
    assert 'pad_size_divisor=32' in found
    assert 'pad_mask' not in errors_of(tiny_model(RTMDET), 'test_dataloader')
    padded = {'model.data_preprocessor.pad_mask': True}
    assert 'pad_mask' not in errors_of(tiny_model(RTMDET), **padded)
    padded['model.data_preprocessor.pad_size_divisor'] = 32
    assert not errors_of(tiny_model(RTMDET), **padded)
    model = tiny_model(SOLO)
    model['data_preprocessor']['pad_mask'] = False
    assert 'pad_mask=True' in errors_of(model)


def test_images_padded_by_the_pipeline_need_no_setting(cfg, errors_of):
    for loader in (cfg.train_dataloader, cfg.val_dataloader):
        loader.dataset.pipeline.insert(-1, dict(type='Pad', size=(192, 192)))
    assert not errors_of(tiny_model(RTMDET))


@pytest.mark.parametrize(
    ('name', 'words'),
    [
        (YOLACT, 'train another detector'),
        (HTC, 'semantic_head'),
        ('panoptic_fpn/panoptic-fpn_r50_fpn_1x_coco', 'semantic_head'),
    ],
)
def test_detectors_that_can_only_be_tested(errors_of, name, words):
    assert words in errors_of(model_of(name))
    assert words not in errors_of(model_of(name), 'test_dataloader')


def test_no_more_predictions_are_kept_than_there_are_queries(errors_of):
    model = tiny_model(MASK2FORMER)
    model['panoptic_head']['num_queries'] = 10
    assert 'makes 10 predictions' in errors_of(model)
    model['test_cfg']['max_per_image'] = 10
    assert not errors_of(model)


def test_all_proposals_of_query_inst_are_kept(errors_of):
    model = model_of('queryinst/queryinst_r50_fpn_1x_coco')
    assert 'proposals' not in errors_of(model)
    model.test_cfg.rcnn.max_per_img = 3
    assert 'set model.test_cfg.rcnn.max_per_img=100' in errors_of(model)


def test_only_one_detection_is_kept_where_the_best_stays_the_same(cfg):
    assert can_keep_one(cfg.model)
    for name in (TWO_STAGE[3], 'queryinst/queryinst_r50_fpn_1x_coco', SOLO):
        assert not can_keep_one(model_of(name))
