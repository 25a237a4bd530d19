"""Epochs of a given length."""

from collections import Counter
from itertools import chain

import pytest
from mmdet.registry import DATA_SAMPLERS

import isic_mmdet.register  # noqa: F401
from isic_mmdet.datasets import samplers
from isic_mmdet.errors import InputError


def sampler(size=10, num_samples=4, seed=3):
    return DATA_SAMPLERS.build(
        dict(type='FixedLengthSampler', dataset=range(size), num_samples=num_samples, seed=seed)
    )


def epoch(dealer, number):
    dealer.set_epoch(number)
    return list(dealer)


def test_every_epoch_has_its_length_and_no_sample_waits_longer_than_a_pass():
    dealer = sampler()
    assert len(dealer) == 4
    epochs = [epoch(dealer, number) for number in range(5)]
    assert all(len(drawn) == 4 for drawn in epochs)
    stream = list(chain(*epochs))
    assert sorted(stream[:10]) == sorted(stream[10:]) == list(range(10))
    assert stream[:10] != stream[10:]


def test_an_epoch_may_be_longer_than_the_data():
    assert Counter(epoch(sampler(num_samples=25), 0)).most_common()[-1][1] == 2


def test_an_epoch_goes_by_its_number_alone():
    dealer = sampler()
    first = epoch(dealer, 2)
    epoch(dealer, 0)
    assert epoch(dealer, 2) == first == epoch(sampler(), 2)
    assert epoch(sampler(seed=4), 2) != first


def test_processes_share_an_epoch(monkeypatch):
    alone = epoch(sampler(num_samples=6), 1)
    shares = []
    for rank in (0, 1):
        monkeypatch.setattr(samplers, 'get_dist_info', lambda rank=rank: (rank, 2))
        shares.append(epoch(sampler(num_samples=6), 1))
    assert [len(share) for share in shares] == [3, 3]
    assert [shares[i % 2][i // 2] for i in range(6)] == alone


def test_an_empty_epoch_is_refused():
    with pytest.raises(InputError, match='num_samples=0'):
        sampler(num_samples=0)
