import pickle
import random
from collections import Counter
from itertools import chain

import numpy as np
import pytest
from mmdet.registry import DATA_SAMPLERS
from mmengine.dataset import ConcatDataset, DefaultSampler, InfiniteSampler

import isic_mmdet.register  # noqa: F401
from isic_mmdet.datasets import samplers
from isic_mmdet.datasets.lesion_dataset import LesionDataset
from isic_mmdet.datasets.samplers import SeededBatchSampler, SeededIndex
from isic_mmdet.errors import InputError


@pytest.fixture(scope='module')
def dataset(tiny_data) -> LesionDataset:
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
def seeded(dataset) -> SeededBatchSampler:
    return SeededBatchSampler(DefaultSampler(dataset, seed=3), batch_size=4)


def indices(batches) -> list[list[int]]:
    return [list(map(int, batch)) for batch in batches]


def entropies(batches) -> list[list[tuple]]:
    return [[index.entropy for index in batch] for batch in batches]


def test_a_sample_depends_only_on_its_seeded_index(dataset):
    index = SeededIndex(2, (3, 0, 2, 0))
    first = dataset[index]['inputs']
    np.random.seed(99)
    random.seed(99)
    assert dataset[pickle.loads(pickle.dumps(index))]['inputs'].equal(first)
    assert not dataset[SeededIndex(2, (3, 1, 2, 0))]['inputs'].equal(first)


def test_indices_keep_their_seed_in_wrappers_of_mmengine(dataset):
    both = ConcatDataset([dataset, dataset])
    size = len(dataset)
    first, second = SeededIndex(2, (1, 2, 3)), SeededIndex(2 + size, (1, 2, 3))
    assert both[first]['inputs'].equal(both[second]['inputs'])
    assert (second % size, (second % size).entropy) == (2, (1, 2, 3))


def test_epochs_differ_and_can_start_anywhere(seeded):
    epoch = list(seeded)
    assert sorted(chain(*indices(epoch))) == sorted(seeded.sampler)
    seeded.start = 2
    assert entropies(seeded) == entropies(epoch[2:])
    assert len(list(seeded)) == len(epoch)  # `start` holds for one iteration
    assert entropies([seeded.batch(1)]) == entropies([epoch[1]])
    seeded.sampler.set_epoch(1)
    assert set(chain(*entropies(seeded))).isdisjoint(chain(*entropies(epoch)))


def test_iterations_do_not_influence_each_other(seeded, dataset):
    # Both shapes are there, so an image often waits for others of its shape.
    shapes = [dataset.get_data_info(index) for index in range(len(dataset))]
    assert len({shape['width'] < shape['height'] for shape in shapes}) == 2
    epoch = indices(seeded)
    seen = []
    for position, batch in enumerate(seeded):
        seen += indices([batch])
        assert indices([seeded.batch(position)]) == [epoch[position]]
    assert seen == epoch
    next(iter(seeded))  # given up after one batch
    assert indices(seeded) == epoch


def test_a_repeated_image_has_another_seed(dataset):
    class Twice(DefaultSampler):
        def __iter__(self):
            return iter([5, 5, 1, 5])

    (batch,) = SeededBatchSampler(Twice(dataset, seed=3), batch_size=4)
    assert len({index.entropy for index in batch}) == 4


@pytest.mark.parametrize('size', range(1, 8))
def test_drop_last_drops_only_a_batch_that_is_not_full(dataset, size):
    # 12 images of both shapes: mmdet also drops a full batch that is mixed.
    sampler = SeededBatchSampler(DefaultSampler(dataset, seed=3), batch_size=size, drop_last=True)
    batches = list(sampler)
    assert [len(batch) for batch in batches] == [size] * (len(dataset) // size)
    assert len(batches) == len(sampler)


def test_a_sampler_without_epochs_is_refused(dataset):
    with pytest.raises(InputError, match=r'InfiniteSampler has no epochs.*DefaultSampler'):
        SeededBatchSampler(InfiniteSampler(dataset, seed=3), batch_size=4)


def fixed(size=10, num_samples=4, seed=3):
    return DATA_SAMPLERS.build(
        dict(type='FixedLengthSampler', dataset=range(size), num_samples=num_samples, seed=seed)
    )


def epoch_of(sampler, number):
    sampler.set_epoch(number)
    return list(sampler)


def test_epochs_of_fixed_length_continue_the_passes_over_the_data():
    sampler = fixed()
    assert len(sampler) == 4
    epochs = [epoch_of(sampler, number) for number in range(5)]
    assert all(len(drawn) == 4 for drawn in epochs)
    stream = list(chain(*epochs))
    assert sorted(stream[:10]) == sorted(stream[10:]) == list(range(10))
    assert stream[:10] != stream[10:]
    # An epoch depends only on its number and the seed.
    assert epoch_of(sampler, 2) == epochs[2] == epoch_of(fixed(), 2)
    assert epoch_of(fixed(seed=4), 2) != epochs[2]


def test_an_epoch_of_fixed_length_may_be_longer_than_the_data():
    assert Counter(epoch_of(fixed(num_samples=25), 0)).most_common()[-1][1] == 2


def test_processes_share_an_epoch_of_fixed_length(monkeypatch):
    alone = epoch_of(fixed(num_samples=6), 1)
    shares = []
    for rank in (0, 1):
        monkeypatch.setattr(samplers, 'get_dist_info', lambda rank=rank: (rank, 2))
        shares.append(epoch_of(fixed(num_samples=6), 1))
    assert [len(share) for share in shares] == [3, 3]
    assert [shares[i % 2][i // 2] for i in range(6)] == alone


def test_an_empty_epoch_is_refused():
    with pytest.raises(InputError, match='num_samples=0'):
        fixed(num_samples=0)
