import sys
from multiprocessing import resource_sharer

import numpy as np
import pytest
import torch
from mmdet.registry import DATASETS
from mmengine.dataset import pseudo_collate
from mmengine.registry import init_default_scope
from torch.utils.data import DataLoader

from isic_mmdet.datasets.collate import shared_memory_collate
from isic_mmdet.engine.config.load import load_config


@pytest.fixture(scope='module')
def cfg(root, tiny_data):
    cfg = load_config(root / 'configs/isic2018_maskrcnn_lite.py', data_root=tiny_data)
    init_default_scope(cfg.default_scope)
    return cfg


@pytest.fixture(scope='module')
def samples(cfg):
    """Four samples of one size with boxes, labels and masks."""
    np.random.seed(0)
    data = DATASETS.build(cfg.train_dataloader.dataset)
    return [data[i] for i in range(4)]


@pytest.fixture
def connections(monkeypatch):
    """Counts the connections over which another process hands a tensor to this one."""
    count = []
    original = resource_sharer._resource_sharer.get_connection

    def get_connection(ident):
        count.append(1)
        return original(ident)

    monkeypatch.setattr(resource_sharer._resource_sharer, 'get_connection', get_connection)
    return count


linux = pytest.mark.skipif(sys.platform != 'linux', reason='other systems share memory by name')


def received(samples, collate):
    loader = DataLoader(samples, batch_size=4, num_workers=1, collate_fn=collate)
    (batch,) = loader
    return batch


def assert_same_truth(ours, mmengines):
    assert type(ours) is list
    assert len(ours) == len(mmengines) == 4
    for one, other in zip(ours, mmengines, strict=True):
        assert one.metainfo == other.metainfo
        mine, its = one.gt_instances, other.gt_instances
        assert type(mine.bboxes) is type(its.bboxes)
        assert torch.equal(mine.bboxes.tensor, its.bboxes.tensor)
        assert torch.equal(mine.labels, its.labels)
        assert mine.labels.dtype == its.labels.dtype
        assert np.array_equal(mine.masks.masks, its.masks.masks)


@linux
def test_images_of_one_size_arrive_in_one_piece(samples, connections):
    batch = received(samples, shared_memory_collate)
    assert len(connections) == 1
    plain = pseudo_collate(samples)
    assert torch.equal(batch['inputs'], torch.stack(plain['inputs']))
    assert_same_truth(batch['data_samples'], plain['data_samples'])
    received(samples, pseudo_collate)
    assert len(connections) >= 1 + 3 * 4, 'mmengine uses a connection for each tensor'


@linux
def test_images_of_several_sizes_stay_a_list(samples, connections):
    mixed = [*samples[:3], {**samples[3], 'inputs': samples[3]['inputs'][:, :48]}]
    batch = received(mixed, shared_memory_collate)
    assert len(connections) == 4
    assert [tuple(i.shape) for i in batch['inputs']] == [tuple(s['inputs'].shape) for s in mixed]
    assert_same_truth(batch['data_samples'], pseudo_collate(mixed)['data_samples'])


def test_received_boxes_are_writable(samples):
    boxes = received(samples, shared_memory_collate)['data_samples'][0].gt_instances.bboxes.tensor
    boxes += 1
    assert torch.equal(boxes, samples[0]['data_samples'].gt_instances.bboxes.tensor + 1)


def test_what_cannot_be_pickled_is_an_error_here(samples):
    samples[0]['data_samples'].set_metainfo({'hook': lambda: None})
    try:
        with pytest.raises(AttributeError, match='lambda'):
            received(samples, shared_memory_collate)
    finally:
        samples[0]['data_samples'].pop('hook')


def test_views_of_test_time_augmentation_stay_lists(samples):
    views = [
        {
            'inputs': [each['inputs'], each['inputs'].flip(2)],
            'data_samples': [each['data_samples']] * 2,
        }
        for each in samples
    ]
    batch = shared_memory_collate(views)
    assert [len(view) for view in batch['inputs']] == [4, 4]
    assert [len(view) for view in batch['data_samples']] == [4, 4]
