"""Detectors of mmdet from training to scores, and the commands that they do not support."""

import json

import numpy as np
import pytest
import torch
from mmdet.registry import MODELS
from mmdet.structures import DetDataSample
from mmengine.runner import load_checkpoint
from PIL import Image

from isic_mmdet.deploy.segmenter import LesionSegmenter
from isic_mmdet.engine.config.load import load_config
from tests.support.found_masks import check_that_predict_agrees_with_test
from tests.support.mmdet_models import (
    CONDINST,
    MASK2FORMER,
    RTMDET,
    SOLO,
    TWO_STAGE,
    tiny_model,
    write_tiny_config,
)
from tests.support.tool_runs import fail, run_tool

ONE_BY_ONE = ('--cfg-options', 'test_dataloader.batch_size=1')


@pytest.fixture
def train(root, tiny_data, tmp_path):
    """Return a function that trains for an epoch and returns the paths of config and checkpoint."""

    def train(model):
        config = write_tiny_config(root, tiny_data, model, tmp_path / 'tiny.py')
        ended = run_tool('train', config, '--work-dir', tmp_path / 'run')
        assert ended.returncode == 0, ended.stderr
        return config, tmp_path / 'run/epoch_1.pth'

    return train


@pytest.fixture
def scores(root, tmp_path):
    """Return a function that scores a checkpoint into a folder of that name."""

    def scores(name, config, checkpoint, *arguments) -> dict[str, float]:
        out = tmp_path / name
        ended = run_tool('test', config, checkpoint, '--work-dir', out, *arguments)
        assert ended.returncode == 0, ended.stderr
        return json.loads((out / 'metrics.json').read_text())['metrics']

    return scores


@pytest.mark.slow
@pytest.mark.parametrize('name', TWO_STAGE)
def test_two_stage_detectors_work_from_training_to_tta(train, scores, tiny_data, name):
    config, checkpoint = train(tiny_model(name))
    of_four = scores('4', config, checkpoint)
    assert of_four['lesion/missed'] < 1
    assert scores('1', config, checkpoint, *ONE_BY_ONE) == of_four
    averaged = scores('tta', config, checkpoint, '--tta')
    if of_four['lesion/iou'] > 0:  # one epoch may be too short to find anything
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
def test_other_detectors_work_from_training_to_tta(train, scores, tiny_data, tmp_path, name):
    model = tiny_model(name)
    model['data_preprocessor'].update(pad_mask=True, pad_size_divisor=32)
    for threshold in {'score_thr', 'filter_thr'} & model['test_cfg'].keys():
        model['test_cfg'][threshold] = 0.001  # scores are low after an epoch
    config, checkpoint = train(model)
    of_four = scores('4', config, checkpoint)
    assert scores('1', config, checkpoint, *ONE_BY_ONE) == of_four
    scores('tta', config, checkpoint, '--tta')
    files = '--config', config, '--checkpoint', checkpoint
    masks = tmp_path / 'masks'
    assert check_that_predict_agrees_with_test(tmp_path / '4', tiny_data, masks, *files)
    tta = tmp_path / 'tta', tiny_data, tmp_path / 'masks_tta'
    check_that_predict_agrees_with_test(*tta, *files, '--tta')
    assert 'no setting precision' in fail(
        'test', config, checkpoint, '--work-dir', tmp_path / 'amp', '--amp'
    )
    message = fail('export_onnx', config, checkpoint, '--out', tmp_path / 'model.onnx')
    assert 'is not a MaskRCNN' in message
