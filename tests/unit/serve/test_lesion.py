"""Lesions on their way to the page and back."""

import json

import numpy as np
import pytest

from isic_mmdet.images.decoding import UnreadableError
from isic_mmdet.masks.paste import BoxCells, paste_mask
from isic_mmdet.serve.lesion import Lesion


def random_lesion(seed=0, views=2):
    random = np.random.default_rng(seed)
    boxes = [(10.1 + i, 5.3, 90.7, 60.123456789) for i in range(views)]
    cells = [random.random((28, 28), np.float32) for _ in boxes]
    return Lesion([BoxCells(*v) for v in zip(cells, boxes, strict=True)], 3, (80, 120), 6)


def test_comes_back_to_the_last_digit():
    lesion = random_lesion()
    back = Lesion.from_json(json.dumps(lesion.to_json()).encode(), 10_000)
    assert (back.number, back.shape, back.orientation) == (3, (80, 120), 6)
    for one, other in zip(lesion.views, back.views, strict=True):
        assert one.box == other.box
        np.testing.assert_array_equal(one.cells, other.cells)
    masks = [paste_mask(made.views, made.number, made.shape, 0.17) for made in (lesion, back)]
    np.testing.assert_array_equal(*masks)


def test_nothing_found_comes_back():
    back = Lesion.from_json(json.dumps(Lesion((), 1, (3, 4), 1).to_json()).encode(), 12)
    assert back.views == ()


@pytest.mark.parametrize(
    'change',
    [
        *(b'', b'{', b'[]', b'3', b'{}', b'\xff\xfe', b'[' * 100_000),
        {'height': 0},
        {'height': -5},
        {'height': 10**6, 'width': 10**6},
        {'height': 101},
        {'height': 80.0},
        {'height': True},
        {'number': 0},
        {'number': '1'},
        {'orientation': 0},
        {'views': 3},
        {'views': [{'box': [0, 0, 1], 'cells': [[0.5]]}]},
        {'views': [{'box': [0, 0, 1, float('nan')], 'cells': [[0.5]]}]},
        {'views': [{'box': [0, 0, 1, 10**400], 'cells': [[0.5]]}]},
        {'views': [{'box': [0, 0, 1, 1], 'cells': [0.5]}]},
        {'views': [{'box': [0, 0, 1, 1], 'cells': []}]},
        {'views': [{'box': [0, 0, 1, 1], 'cells': [[0.5], [0.5, 0.5]]}]},
        {'views': [{'box': [0, 0, 1, 1], 'cells': [[1.5]]}]},
        {'views': [{'box': [0, 0, 1, 1], 'cells': [[0.5] * 300] * 300}]},
        {'views': [{'box': [0, 0, 1, 1], 'cells': [['a']]}]},
        {'views': [{'box': [0, 0, 1, 1], 'cells': [[0.5]]}] * 65},
    ],
)
def test_anything_else_is_refused(change):
    if isinstance(change, dict):
        change = json.dumps({**random_lesion().to_json(), **change}).encode()
    with pytest.raises(UnreadableError, match='not a result of this server'):
        Lesion.from_json(change, 10_000)
