"""The batched heads compared with mmdet's, which process image by image."""

import copy

import pytest
import torch
from torch.profiler import ProfilerActivity, profile

import isic_mmdet.register  # noqa: F401
from isic_mmdet.engine.config.load import load_config
from isic_mmdet.models.box_masks import return_box_masks
from tests.support.batches import BATCHED, batch, build

# All anchors and proposals are drawn, so nothing is random.
ALL = {
    'model.train_cfg.rpn.sampler.num': 20000,
    'model.train_cfg.rcnn.sampler.num': 2000,
}
ONE_BY_ONE = {
    'model.rpn_head.type': 'Float32RPNHead',
    'model.roi_head.type': 'StandardRoIHead',
}


@pytest.fixture(scope='module')
def cfg(root):
    return load_config(root / 'configs/quickstart.py')


BATCHES = {
    'one lesion each': [((96, 96), 1)] * 3,
    'several': [((96, 96), 1), ((96, 96), 3), ((96, 96), 2)],
    'none in one': [((96, 96), 0), ((96, 96), 2)],
    'none at all': [((96, 96), 0), ((96, 96), 0)],
    'of several sizes': [((96, 128), 1), ((64, 96), 2), ((128, 64), 1)],
}


def losses(model, data):
    placed = model.data_preprocessor(copy.deepcopy(data), training=True)
    torch.manual_seed(1)
    found = model(**placed, mode='loss')
    return {name: sum(value) if isinstance(value, list) else value for name, value in found.items()}


HEADS = {
    'a fixed number of masks': ({'model.roi_head.mask_head.norm_cfg': None}, 1),
    'batch norm in the mask head': ({}, 1),
    'another mask loss': (
        {
            'model.roi_head.mask_head.loss_mask': {
                '_delete_': True,
                'type': 'CrossEntropyLoss',
                'use_mask': True,
            }
        },
        1,
    ),
    'several classes': (
        {
            'model.roi_head.mask_head.norm_cfg': None,
            'model.roi_head.mask_head.num_classes': 3,
            'model.roi_head.bbox_head.num_classes': 3,
        },
        3,
    ),
}


@pytest.mark.parametrize(
    ('name', 'head'),
    [
        *(
            pytest.param(
                name,
                'a fixed number of masks',
                marks=[pytest.mark.slow] * (name in ('none at all', 'of several sizes')),
            )
            for name in BATCHES
        ),
        ('none in one', 'batch norm in the mask head'),
        ('none at all', 'batch norm in the mask head'),
        ('several', 'another mask loss'),
        ('several', 'several classes'),
    ],
)
def test_losses_and_gradients_are_mmdets(cfg, name, head):
    heads, classes = HEADS[head]
    data = batch(*BATCHES[name], classes=classes)
    results = []
    for settings in (ONE_BY_ONE, BATCHED):
        model = build(cfg, ALL, heads, settings).train()
        found = losses(model, data)
        sum(value for key, value in found.items() if 'loss' in key).backward()
        results.append((found, {n: p.grad for n, p in model.named_parameters()}))
    (expected, slopes), (found, own) = results
    assert found.keys() == expected.keys()
    for key, value in expected.items():
        torch.testing.assert_close(found[key], value, rtol=1e-4, atol=1e-6, msg=key)
    for key, slope in slopes.items():
        assert (slope is None) == (own[key] is None), key
        if slope is not None:
            assert (own[key] - slope).norm() <= 1e-2 * slope.norm() + 1e-6, key


@pytest.mark.parametrize('name', BATCHES)
def test_proposals_are_mmdets(cfg, name):
    found = []
    for settings in (ONE_BY_ONE, BATCHED):
        model = build(cfg, settings).eval()
        placed = model.data_preprocessor(batch(*BATCHES[name]))
        with torch.no_grad():
            maps = model.extract_feat(placed['inputs'])
            found.append(model.rpn_head.predict(maps, placed['data_samples'], rescale=False))
    for expected, own in zip(*found, strict=True):
        assert 1 < len(own) == len(expected)
        torch.testing.assert_close(own.bboxes, expected.bboxes)
        torch.testing.assert_close(own.scores, expected.scores)
        assert own.labels.eq(0).all()


def test_detections_are_mmdets(cfg):
    found = []
    for settings in (ONE_BY_ONE, BATCHED):
        model = build(cfg, settings).eval()
        with torch.no_grad():
            found.append(model.test_step(batch(*BATCHES['of several sizes'])))
    for expected, own in zip(*found, strict=True):
        assert len(own.pred_instances)
        torch.testing.assert_close(own.pred_instances.bboxes, expected.pred_instances.bboxes)


@pytest.mark.parametrize('in_boxes', [False, True])
@pytest.mark.parametrize('classes', [1, 3])
def test_the_best_detections_are_mmdets(cfg, classes, in_boxes):
    heads = {f'model.roi_head.{head}_head.num_classes': classes for head in ('bbox', 'mask')}
    keep_one = {'model.test_cfg.rcnn.max_per_img': 1}
    data, found = batch(*BATCHES['of several sizes'], classes=classes), []
    for each in data['data_samples']:
        height, width = each.img_shape
        each.set_metainfo({'ori_shape': (2 * height, 2 * width), 'scale_factor': (0.5, 0.5)})
    for settings in (ONE_BY_ONE, BATCHED):
        model = build(cfg, heads, keep_one, settings).eval()
        if in_boxes:
            return_box_masks(model)
        with torch.no_grad():
            found.append(model.test_step(copy.deepcopy(data)))
    for expected, own in zip(*([s.pred_instances for s in each] for each in found), strict=True):
        assert len(expected) == 1 and own.keys() == expected.keys()
        for name, value in expected.items():
            torch.testing.assert_close(own[name], value, msg=name)


def test_an_image_whose_best_score_is_too_low_has_no_detection(cfg):
    keep_one = {'model.test_cfg.rcnn.max_per_img': 1}
    model = build(cfg, BATCHED, keep_one).eval()
    return_box_masks(model)
    model.roi_head.predict = None  # image by image; must not be used
    data = batch(*BATCHES['of several sizes'])
    with torch.no_grad():
        all_found = model.test_step(copy.deepcopy(data))
        scores = sorted(float(each.pred_instances.scores) for each in all_found)
        model.test_cfg.rcnn.score_thr = scores[0]
        found = model.test_step(data)
    kept = [float(each.pred_instances.scores) > scores[0] for each in all_found]
    assert [len(each.pred_instances) for each in found] == list(map(int, kept))
    assert [len(each.pred_instances.masks) for each in found] == list(map(int, kept))


def test_the_number_of_operations_does_not_grow_with_the_batch(cfg):
    def operations(settings, images):
        model = build(cfg, settings).train()
        placed = model.data_preprocessor(batch(*[((96, 96), 1)] * images), training=True)
        with profile(activities=[ProfilerActivity.CPU]) as profiled:
            model(**placed, mode='loss')
        return len(profiled.events())

    more = {
        name: operations(settings, 6) - operations(settings, 2)
        for name, settings in (('one by one', ONE_BY_ONE), ('batched', BATCHED))
    }
    assert more['one by one'] > 1000
    # Labels, boxes and masks of the samples.
    assert more['batched'] < more['one by one'] / 8


@pytest.mark.parametrize(
    ('settings', 'message'),
    [
        ({'model.train_cfg.rpn.assigner.ignore_iof_thr': 0.5}, 'batched heads support'),
        ({'model.train_cfg.rcnn.sampler.neg_pos_ub': 3}, 'batched heads support'),
        ({'model.train_cfg.rcnn.sampler.type': 'OHEMSampler'}, 'batched heads support'),
        ({'model.train_cfg.rcnn.soft_mask_target': True}, 'soft_mask_target'),
        ({'model.roi_head.bbox_head.reg_decoded_bbox': True}, 'reg_decoded_bbox=False'),
        ({'model.roi_head.mask_head': None}, 'needs mask_head'),
        (
            {
                'model.roi_head.bbox_head.type': 'Shared4Conv1FCBBoxHead',
                'model.roi_head.bbox_head.norm_cfg': {'type': 'BN'},
            },
            'no batch norm: use StandardRoIHead',
        ),
        ({'model.train_cfg.rpn.allowed_border': 0}, 'allowed_border=-1'),
        ({'model.rpn_head.loss_cls.type': 'FocalLoss'}, 'CrossEntropyLoss with use_sigmoid'),
        ({'model.rpn_head.reg_decoded_bbox': True}, 'BatchedRPNHead needs'),
        ({'model.rpn_head.bbox_coder.clip_border': False}, 'BatchedRPNHead needs'),
    ],
)
def test_unsupported_settings_are_refused(cfg, settings, message):
    with pytest.raises(ValueError, match=message):
        build(cfg, BATCHED, settings)


@pytest.mark.parametrize(
    ('setting', 'rescale'),
    [({'type': 'soft_nms'}, False), ({'class_agnostic': True}, False), ({}, True)],
)
def test_proposals_of_another_kind_are_refused(cfg, setting, rescale):
    model = build(cfg, BATCHED, {'model.test_cfg.rpn.nms': setting}).eval()
    placed = model.data_preprocessor(batch(((64, 64), 1)))
    maps = model.extract_feat(placed['inputs'])
    with pytest.raises(ValueError, match='use Float32RPNHead'):
        model.rpn_head.predict(maps, placed['data_samples'], rescale=rescale)
