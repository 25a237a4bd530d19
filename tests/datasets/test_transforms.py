"""The transforms that replace mmdet's do the same as those."""

import copy

import numpy as np
import pytest
import torch
from mmdet.registry import TRANSFORMS
from mmdet.structures.bbox import HorizontalBoxes
from mmdet.structures.mask import BitmapMasks

import isic_mmdet.register  # noqa: F401
from isic_mmdet.datasets.transforms import PackLesionInputs


def sample(dtype=np.uint8):
    rng = np.random.default_rng(0)
    mask = np.zeros((1, 30, 40), np.uint8)
    mask[0, 4:11, 20:36] = 1
    return {
        'img': rng.integers(0, 256, (30, 40, 3)).astype(dtype),
        'img_shape': (30, 40),
        'gt_masks': BitmapMasks(mask, 30, 40),
        'gt_bboxes': HorizontalBoxes(torch.tensor([[20.0, 4.0, 36.0, 11.0]])),
        'gt_bboxes_labels': np.array([0]),
        'gt_ignore_flags': np.array([False]),
        'isic_id': 'ISIC_0000001',
        'gt_label': 0,
    }


@pytest.mark.parametrize('direction', ['horizontal', 'vertical', 'diagonal'])
def test_a_flip_is_mmdets(direction):
    expected, got = (
        TRANSFORMS.build(dict(type=name, prob=1.0, direction=direction))(sample())
        for name in ('RandomFlip', 'ContiguousRandomFlip')
    )
    assert got['img'].flags.c_contiguous
    assert np.array_equal(got['img'], expected['img'])
    assert np.array_equal(got['gt_masks'].masks, expected['gt_masks'].masks)
    assert torch.equal(got['gt_bboxes'].tensor, expected['gt_bboxes'].tensor)
    assert np.array_equal(got['homography_matrix'], expected['homography_matrix'])
    assert (got['flip'], got['flip_direction']) == (True, direction)


def test_a_flip_is_drawn_as_mmdet_draws_it():
    options = dict(prob=0.75, direction=['horizontal', 'vertical', 'diagonal'])
    transforms = [
        TRANSFORMS.build(dict(type=name, **options))
        for name in ('RandomFlip', 'ContiguousRandomFlip')
    ]
    drawn = []
    for transform in transforms:
        np.random.seed(0)
        drawn.append([transform(sample())['flip_direction'] for _ in range(40)])
    assert drawn[0] == drawn[1]
    assert set(drawn[0]) == {None, 'horizontal', 'vertical', 'diagonal'}


@pytest.mark.parametrize('dtype', [np.uint8, np.float32])
@pytest.mark.parametrize('view', [np.s_[:], np.s_[:, ::-1], np.s_[..., [2, 0, 1]]])
def test_inputs_are_packed_as_mmdet_packs_them(view, dtype):
    results = sample(dtype)
    results['img'] = results['img'][view]
    mmdet = TRANSFORMS.build(dict(type='PackDetInputs', meta_keys=PackLesionInputs.META_KEYS))
    expected = mmdet(copy.deepcopy(results))
    got = TRANSFORMS.build(dict(type='PackLesionInputs'))(results)
    assert got['inputs'].is_contiguous()
    assert got['inputs'].dtype == expected['inputs'].dtype
    assert torch.equal(got['inputs'], expected['inputs'])
    assert got['data_samples'].metainfo == expected['data_samples'].metainfo
    assert got['data_samples'].isic_id == 'ISIC_0000001'
    masks, expected_masks = (
        packed['data_samples'].gt_instances.masks.masks for packed in (got, expected)
    )
    assert np.array_equal(masks, expected_masks)
