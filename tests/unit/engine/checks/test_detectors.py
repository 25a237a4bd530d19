"""Detectors of mmdet that this project was not made for."""

import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from mmdet.registry import MODELS
from mmdet.structures import DetDataSample
from mmengine.config import Config
from mmengine.hub import get_config
from mmengine.runner import load_checkpoint
from PIL import Image

import isic_mmdet.register  # noqa: F401
from isic_mmdet.deploy.segmenter import LesionSegmenter
from isic_mmdet.engine.checks.detectors import (
    check_precisions,
    detector_errors,
    mask_threshold,
    predicts_masks,
)
from isic_mmdet.engine.config.load import load_config, use_tta
from isic_mmdet.errors import InputError
from tests.support.mmdet_models import tiny_model, write_tiny_config

RTMDET = 'rtmdet/rtmdet-ins_tiny_8xb32-300e_coco'
SOLO = 'solov2/solov2-light_r50_fpn_ms-3x_coco'
CONDINST = 'condinst/condinst_r50_fpn_ms-poly-90k_coco_instance'
MASK2FORMER = 'mask2former/mask2former_r50_8xb2-lsj-50e_coco'
# Those whose masks are cells of their boxes.
TWO_STAGE = [
    'mask_rcnn/mask-rcnn_r50_fpn_1x_coco',
    'cascade_rcnn/cascade-mask-rcnn_r50_fpn_1x_coco',
    'htc/htc-without-semantic_r50_fpn_1x_coco',
    'ms_rcnn/ms-rcnn_r50-caffe_fpn_1x_coco',
    'point_rend/point-rend_r50-caffe_fpn_ms-1x_coco',
]


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


def errors_of(root, model, *loaders, **settings) -> str:
    cfg = load_config(root / 'configs/quickstart.py')
    cfg.model = model
    cfg.merge_from_dict(settings)
    return ' '.join(detector_errors(cfg, loaders or ('train_dataloader', 'val_dataloader')))


@pytest.mark.parametrize('name', [*TWO_STAGE, SOLO, CONDINST, MASK2FORMER])
def test_what_can_be_trained_has_no_errors(root, name):
    assert not errors_of(root, tiny_model(name))


def test_whole_masks_need_padding(root):
    found = errors_of(root, tiny_model(RTMDET))
    assert 'pad_mask=True' in found
    assert 'pad_size_divisor=32' in found
    assert 'pad_mask' not in errors_of(root, tiny_model(RTMDET), 'test_dataloader')
    padded = {'model.data_preprocessor.pad_mask': True}
    assert 'pad_mask' not in errors_of(root, tiny_model(RTMDET), **padded)
    padded['model.data_preprocessor.pad_size_divisor'] = 32
    assert not errors_of(root, tiny_model(RTMDET), **padded)
    model = tiny_model(SOLO)
    model['data_preprocessor']['pad_mask'] = False
    assert 'pad_mask=True' in errors_of(root, model)


def test_images_padded_by_the_pipeline_need_no_setting(root):
    cfg = load_config(root / 'configs/quickstart.py')
    cfg.model = tiny_model(RTMDET)
    for loader in (cfg.train_dataloader, cfg.val_dataloader):
        loader.dataset.pipeline.insert(-1, dict(type='Pad', size=(192, 192)))
    assert not detector_errors(cfg, ('train_dataloader', 'val_dataloader'))


def test_yolact_is_not_trained(root):
    model = model_of('yolact/yolact_r50_1xb8-55e_coco')
    assert 'train another detector' in errors_of(root, model)
    assert not errors_of(root, model, 'test_dataloader')


@pytest.mark.parametrize(
    'name', ['htc/htc_r50_fpn_1x_coco', 'panoptic_fpn/panoptic-fpn_r50_fpn_1x_coco']
)
def test_segmentation_maps_are_not_there_to_learn_from(root, name):
    model = model_of(name)
    assert 'semantic_head' in errors_of(root, model)
    assert 'semantic_head' not in errors_of(root, model, 'test_dataloader')


def test_no_more_predictions_are_kept_than_there_are_queries(root):
    model = tiny_model(MASK2FORMER)
    model['panoptic_head']['num_queries'] = 10
    assert 'makes 10 predictions' in errors_of(root, model)
    model['test_cfg']['max_per_image'] = 10
    assert not errors_of(root, model)
    model = model_of('queryinst/queryinst_r50_fpn_1x_coco')
    model.rpn_head.num_proposals = 1
    assert 'makes 80 predictions' in errors_of(root, model)


def tool(root, name, *arguments) -> subprocess.CompletedProcess:
    command = [sys.executable, str(root / 'tools' / name), *map(str, arguments)]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)


def trained(root, data, model, folder):
    """Train for an epoch and return the paths of config and checkpoint."""
    config = write_tiny_config(root, data, model, folder / 'tiny.py')
    ended = tool(root, 'train.py', config, '--work-dir', folder / 'run')
    assert ended.returncode == 0, ended.stderr
    return config, folder / 'run/epoch_1.pth'


def scores(root, config, checkpoint, out, *arguments) -> dict[str, float]:
    ended = tool(root, 'test.py', config, checkpoint, '--work-dir', out, *arguments)
    assert ended.returncode == 0, ended.stderr
    return json.loads((out / 'metrics.json').read_text())['metrics']


ONE_BY_ONE = ('--cfg-options', 'test_dataloader.batch_size=1')


@pytest.mark.slow
@pytest.mark.parametrize('name', TWO_STAGE)
def test_two_stage_detectors_work_from_training_to_averaged_flips(root, tiny_data, tmp_path, name):
    config, checkpoint = trained(root, tiny_data, tiny_model(name), tmp_path)
    of_four = scores(root, config, checkpoint, tmp_path / '4')
    assert of_four['lesion/missed'] < 1
    assert scores(root, config, checkpoint, tmp_path / '1', *ONE_BY_ONE) == of_four
    averaged = scores(root, config, checkpoint, tmp_path / 'tta', '--tta')
    if of_four['lesion/iou'] > 0:  # one epoch may teach nothing
        assert averaged != of_four
    cfg = load_config(config)
    cfg.model.test_cfg.rcnn.mask_thr_binary = -1  # probabilities, in steps of 1/255
    model = MODELS.build(cfg.model).eval()
    load_checkpoint(model, str(checkpoint), 'cpu')
    path = min((tiny_data / 'images').glob('*.jpg'))
    image = np.asarray(Image.open(path).convert('RGB'))
    for tta, flips in ((False, [()]), (True, [(), 0, 1, (0, 1)])):
        found = LesionSegmenter(config, checkpoint, 'cpu', tta=tta)(image).probability
        views = [np.flip(pasted(model, np.flip(image, axes)), axes) for axes in flips]
        assert found.max() > 0
        np.testing.assert_allclose(found, np.mean(views, 0), atol=0.02)


def pasted(model, image):
    """Return the mask of an image of at most 96 px as mmdet itself pastes it, (H, W) float."""
    height, width = image.shape[:2]
    assert max(height, width) == 96
    shape = dict(img_shape=(height, width), ori_shape=(height, width), scale_factor=(1.0, 1.0))
    pixels = torch.from_numpy(np.ascontiguousarray(image[..., ::-1])).permute(2, 0, 1)
    with torch.inference_mode():
        data = dict(inputs=[pixels], data_samples=[DetDataSample(metainfo=shape)])
        found = model.test_step(data)[0].pred_instances
    if not len(found):
        return np.zeros((height, width))
    return found.masks[found.scores.argmax()].numpy() / 255


@pytest.mark.slow
@pytest.mark.parametrize('name', [RTMDET, SOLO, CONDINST, MASK2FORMER])
def test_other_detectors_are_trained_and_scored_and_refused_elsewhere(
    root, tiny_data, tmp_path, name
):
    model = tiny_model(name)
    model['data_preprocessor'].update(pad_mask=True, pad_size_divisor=32)
    config, checkpoint = trained(root, tiny_data, model, tmp_path)
    of_four = scores(root, config, checkpoint, tmp_path / '4')
    assert scores(root, config, checkpoint, tmp_path / '1', *ONE_BY_ONE) == of_four
    images = tiny_data / 'images'
    for command in (
        ('test.py', config, checkpoint, '--work-dir', tmp_path / 'tta', '--tta'),
        ('test.py', config, checkpoint, '--work-dir', tmp_path / 'amp', '--amp'),
        ('predict.py', images, '--config', config, '--checkpoint', checkpoint, '--out', tmp_path),
        ('export_onnx.py', config, checkpoint, '--out', tmp_path / 'model.onnx'),
    ):
        ended = tool(root, *command)
        assert ended.returncode == 1
        assert ended.stderr.startswith('error: ')
        assert 'unexpected' not in ended.stderr
