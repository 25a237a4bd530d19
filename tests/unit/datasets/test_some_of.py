"""A random number of transforms in random order."""

from collections import Counter
from itertools import permutations

import numpy as np
import pytest
from mmcv.transforms import BaseTransform
from mmdet.registry import TRANSFORMS

import isic_mmdet.register  # noqa: F401
from isic_mmdet.errors import InputError


@TRANSFORMS.register_module()
class NoteDown(BaseTransform):
    def __init__(self, name):
        self.name = name

    def transform(self, results):
        return None if self.name == 'stop' else {'seen': [*results['seen'], self.name]}


def some_of(names, number=None):
    return TRANSFORMS.build(
        dict(
            type='SomeOf',
            transforms=[dict(type='NoteDown', name=name) for name in names],
            number=number,
        )
    )


def draws(transform, times):
    np.random.seed(0)
    return Counter(''.join(transform({'seen': []})['seen']) for _ in range(times))


def test_every_number_and_every_order_is_equally_likely():
    found = draws(some_of('abc'), 6000)
    expected = {
        ''.join(order): 1500 / len(list(permutations('abc', count)))
        for count in range(4)
        for order in permutations('abc', count)
    }
    assert found.keys() == expected.keys()
    for order, times in expected.items():
        assert found[order] == pytest.approx(times, abs=5 * times**0.5), order


def test_the_number_can_be_bounded():
    assert {len(order) for order in draws(some_of('abcd', (2, 3)), 300)} == {2, 3}
    assert {len(order) for order in draws(some_of('abcd', (4, 4)), 20)} == {4}


def test_the_same_seed_draws_the_same():
    transform = some_of('abcdef')
    assert draws(transform, 50) == draws(transform, 50)


def test_an_image_that_a_transform_drops_is_dropped():
    assert some_of(['stop'], (1, 1))({'seen': []}) is None


@pytest.mark.parametrize(
    ('names', 'number'), [('', None), ('ab', (0, 3)), ('ab', (2, 1)), ('ab', (-1, 1))]
)
def test_impossible_numbers_are_refused(names, number):
    with pytest.raises(InputError, match='SomeOf: number='):
        some_of(names, number)
