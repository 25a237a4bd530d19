"""What a sample is drawn from: the same whoever loads it, and another one every time it comes."""

import pickle
import random

import numpy as np
import pytest
from mmengine.dataset import ConcatDataset, DefaultSampler, InfiniteSampler
from mmengine.registry import init_default_scope

import isic_mmdet.register  # noqa: F401
from isic_mmdet.datasets.lesion_dataset import LesionDataset
from isic_mmdet.datasets.seeded import SeededBatchSampler, SeededIndex
from isic_mmdet.errors import InputError


@pytest.fixture
def dataset(tiny_data) -> LesionDataset:
    init_default_scope('mmdet')
    return LesionDataset(
        ann_file='annotations/train.json',
        data_root=str(tiny_data),
        data_prefix={'img': 'images/'},
        pipeline=[
            {'type': 'LoadImageFromFile'},
            {'type': 'LoadAnnotations', 'with_bbox': True, 'with_mask': True},
            {'type': 'ContiguousRandomFlip', 'prob': 0.5},
            {'type': 'BytePhotoMetricDistortion'},
            {'type': 'PackLesionInputs'},
        ],
    )


@pytest.fixture
def sampler(dataset) -> SeededBatchSampler:
    return SeededBatchSampler(DefaultSampler(dataset, seed=3), batch_size=4)


def pixels(dataset, index) -> bytes:
    return dataset[index]['inputs'].numpy().tobytes()


def test_a_sample_depends_on_its_index_alone(dataset):
    index = SeededIndex(2, (3, 0, 2, 0))
    first = pixels(dataset, index)
    np.random.seed(99)
    random.seed(99)
    assert pixels(dataset, pickle.loads(pickle.dumps(index))) == first
    assert pixels(dataset, SeededIndex(2, (3, 1, 2, 0))) != first


def test_indices_keep_their_seed_through_mmengines_wrappers(dataset):
    both = ConcatDataset([dataset, dataset])
    size = len(dataset)
    first = SeededIndex(2, (1, 2, 3))
    second = SeededIndex(2 + size, (1, 2, 3))
    assert both[first]['inputs'].equal(both[second]['inputs'])
    assert (second % size, (second % size).entropy) == (2, (1, 2, 3))


def test_epochs_differ_and_can_be_entered_anywhere(sampler):
    whole = list(sampler)
    assert sorted(int(i) for batch in whole for i in batch) == sorted(sampler.sampler)
    sampler.start = 2
    assert [[i.entropy for i in batch] for batch in sampler] == [
        [i.entropy for i in batch] for batch in whole[2:]
    ]
    assert len(list(sampler)) == len(whole)  # only once
    assert [i.entropy for i in sampler.batch(1)] == [i.entropy for i in whole[1]]
    sampler.sampler.set_epoch(1)
    assert {i.entropy for batch in sampler for i in batch}.isdisjoint(
        {i.entropy for batch in whole for i in batch}
    )


def test_looking_a_batch_up_does_not_disturb_an_iteration_under_way(sampler, dataset):
    # Both shapes are there, so that some image always waits for others of its shape.
    shapes = [dataset.get_data_info(index) for index in range(len(dataset))]
    assert len({shape['width'] < shape['height'] for shape in shapes}) == 2
    whole = [list(map(int, batch)) for batch in sampler]
    seen = []
    for position, batch in enumerate(sampler):
        seen.append(list(map(int, batch)))
        assert list(map(int, sampler.batch(position))) == whole[position]
    assert seen == whole


def test_an_image_that_comes_twice_is_drawn_anew(dataset):
    class Twice(DefaultSampler):
        def __iter__(self):
            return iter([5, 5, 1, 5])

    (batch,) = SeededBatchSampler(Twice(dataset, seed=3), batch_size=4)
    assert len({index.entropy for index in batch}) == 4


def test_an_iteration_that_was_given_up_leaves_nothing_behind(sampler):
    whole = [list(map(int, batch)) for batch in sampler]
    next(iter(sampler))
    assert [list(map(int, batch)) for batch in sampler] == whole


@pytest.mark.parametrize('size', range(1, 8))
def test_dropping_the_last_batch_drops_what_is_not_full_only(dataset, size):
    # 12 images of both shapes: mmdet also drops a full batch that is mixed.
    sampler = SeededBatchSampler(DefaultSampler(dataset, seed=3), batch_size=size, drop_last=True)
    batches = list(sampler)
    assert [len(batch) for batch in batches] == [size] * (len(dataset) // size)
    assert len(batches) == len(sampler)


def test_a_sampler_without_epochs_is_refused(dataset):
    with pytest.raises(InputError, match=r'InfiniteSampler has no epochs.*DefaultSampler'):
        SeededBatchSampler(InfiniteSampler(dataset, seed=3), batch_size=4)
