import pytest
import torch
from mmdet.registry import MODELS
from mmdet.structures import DetDataSample
from mmengine.config import ConfigDict
from mmengine.registry import init_default_scope
from torch import nn

import isic_mmdet.register  # noqa: F401
from isic_mmdet.engine.config.load import load_config
from isic_mmdet.masks.paste import BoxCells, paste_probability
from isic_mmdet.models.box_masks import return_box_masks
from tests.support.mmdet_models import tiny_model

SHAPE = (150, 210)


@pytest.fixture(
    scope='module', params=['isic2018_maskrcnn_lite', 'student_projects/student2017_r18_256px']
)
def model(root, request):
    cfg = load_config(root / f'configs/{request.param}.py')
    init_default_scope(cfg.default_scope)
    cfg.model.backbone.init_cfg = None
    # mmdet pastes probabilities where the threshold is below zero.
    cfg.model.roi_head.mask_head.type = 'FCNMaskHead'
    cfg.model.test_cfg.rcnn.update(mask_thr_binary=-1, score_thr=0.0, max_per_img=3)
    torch.manual_seed(0)
    model = MODELS.build(cfg.model).eval()
    model.init_weights()  # the boxes are then near the anchors
    model.roi_head.mask_head.conv_logits.weight.data *= 30
    return model


def predicted(model):
    """Predict an image of 150 x 210 pixels at a network input of 128 x 160."""
    sample = DetDataSample(
        metainfo=dict(
            img_shape=(128, 160),
            batch_input_shape=(128, 160),
            ori_shape=SHAPE,
            scale_factor=(160 / 210, 128 / 150),
        )
    )
    torch.manual_seed(1)
    with torch.inference_mode():
        (found,) = model.predict(torch.randn(1, 3, 128, 160), [sample.clone()])
    return found.pred_instances


def test_only_the_pasting_is_skipped(model):
    pasted = predicted(model)
    return_box_masks(model)
    found = predicted(model)
    assert len(found) == len(pasted) == 3
    assert found.masks.shape == (3, 28, 28)
    for key in ('bboxes', 'scores', 'labels'):
        torch.testing.assert_close(found[key], pasted[key])
    for cells, box, expected in zip(found.masks, found.bboxes, pasted.masks, strict=True):
        view = BoxCells(cells.numpy(), tuple(box.tolist()))
        # mmdet clips at the box, and rounds down to steps of 1/255.
        x1, y1, x2, y2 = (round(side) for side in view.box)
        inside = slice(y1 + 1, y2 - 1), slice(x1 + 1, x2 - 1)
        probability = paste_probability([view], 1, SHAPE)[inside]
        assert abs(probability - expected.numpy()[inside] / 255).max() < 1.1 / 255
        assert probability.size


def test_no_detection_gives_no_cells(model):
    return_box_masks(model)
    model.roi_head.test_cfg.score_thr = 2.0
    found = predicted(model)
    model.roi_head.test_cfg.score_thr = 0.0
    assert len(found) == 0


def test_a_model_without_masks_in_boxes_stays_as_it_is():
    model = nn.Sequential(nn.Linear(2, 2))
    before = dict(vars(model))
    return_box_masks(model)
    assert vars(model) == before


@pytest.mark.parametrize(
    'name',
    [
        'cascade_rcnn/cascade-mask-rcnn_r50_fpn_1x_coco',
        'htc/htc-without-semantic_r50_fpn_1x_coco',
    ],
)
@pytest.mark.parametrize('direction', ['horizontal', 'vertical', 'diagonal'])
def test_stages_of_cascades_are_averaged_without_a_flip(name, direction):
    cfg = tiny_model(name)
    cfg['test_cfg']['rcnn'].update(score_thr=0.0, max_per_img=3)
    init_default_scope('mmdet')
    torch.manual_seed(0)
    model = MODELS.build(ConfigDict(cfg)).eval()
    for head in model.roi_head.mask_head:
        head.conv_logits.weight.data *= 30
    return_box_masks(model)
    shape = dict(img_shape=(96, 96), ori_shape=(96, 96), scale_factor=(1.0, 1.0))
    found = []
    for flip in ({}, dict(flip=True, flip_direction=direction)):
        sample = DetDataSample(metainfo={**shape, 'batch_input_shape': (96, 96), **flip})
        torch.manual_seed(1)
        with torch.inference_mode():
            found += model.predict(torch.randn(1, 3, 96, 96), [sample])
    upright, flipped = (sample.pred_instances for sample in found)
    assert len(upright) == 3
    assert upright.masks.std() > 0
    torch.testing.assert_close(flipped.masks, upright.masks)
    assert found[1].flip_direction == direction
