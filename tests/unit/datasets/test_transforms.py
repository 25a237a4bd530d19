import copy
from collections import Counter
from itertools import permutations

import numpy as np
import pytest
import torch
from mmcv.transforms import BaseTransform
from mmdet.registry import TRANSFORMS
from mmdet.structures.bbox import HorizontalBoxes
from mmdet.structures.mask import BitmapMasks

import isic_mmdet.register  # noqa: F401
from isic_mmdet.datasets.transforms import PackLesionInputs
from isic_mmdet.errors import InputError

DIRECTIONS = ['horizontal', 'vertical', 'diagonal']


def build(**settings):
    return TRANSFORMS.build(settings)


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


@pytest.mark.parametrize('direction', DIRECTIONS)
def test_a_flip_is_mmdets(direction):
    expected, got = (
        build(type=name, prob=1.0, direction=direction)(sample())
        for name in ('RandomFlip', 'ContiguousRandomFlip')
    )
    assert got['img'].flags.c_contiguous
    assert np.array_equal(got['img'], expected['img'])
    assert np.array_equal(got['gt_masks'].masks, expected['gt_masks'].masks)
    assert torch.equal(got['gt_bboxes'].tensor, expected['gt_bboxes'].tensor)
    assert np.array_equal(got['homography_matrix'], expected['homography_matrix'])
    assert (got['flip'], got['flip_direction']) == (True, direction)


def test_a_flip_is_drawn_as_mmdet_draws_it():
    drawn = []
    for name in ('RandomFlip', 'ContiguousRandomFlip'):
        transform = build(type=name, prob=0.75, direction=DIRECTIONS)
        np.random.seed(0)
        drawn.append([transform(sample())['flip_direction'] for _ in range(40)])
    assert drawn[0] == drawn[1]
    assert set(drawn[0]) == {None, *DIRECTIONS}


@pytest.mark.parametrize('dtype', [np.uint8, np.float32, np.int64])
@pytest.mark.parametrize('view', [np.s_[:], np.s_[:, ::-1], np.s_[..., [2, 0, 1]]])
def test_inputs_are_packed_as_mmdet_packs_them(view, dtype):
    results = sample(dtype)
    results['img'] = results['img'][view]
    mmdet = build(type='PackDetInputs', meta_keys=PackLesionInputs.META_KEYS)
    expected = mmdet(copy.deepcopy(results))
    got = build(type='PackLesionInputs')(results)
    assert got['inputs'].is_contiguous()
    assert got['inputs'].dtype == expected['inputs'].dtype
    assert torch.equal(got['inputs'], expected['inputs'])
    assert got['data_samples'].metainfo == expected['data_samples'].metainfo
    assert got['data_samples'].isic_id == 'ISIC_0000001'
    masks, expected_masks = (
        packed['data_samples'].gt_instances.masks.masks for packed in (got, expected)
    )
    assert np.array_equal(masks, expected_masks)


def rotated(sample, transpose, flips):
    """Return image and mask of a sample, transposed and flipped with NumPy."""
    image, mask = sample['img'], sample['gt_masks'].masks[0]
    if transpose:
        image, mask = image.swapaxes(0, 1), mask.T
    return np.flip(image, flips), np.flip(mask, flips)


def box_of(mask):
    rows, columns = np.nonzero(mask)
    return [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]


def test_transpose_and_flip_give_all_eight_orientations():
    steps = [
        build(type='RandomTranspose'),
        build(type='ContiguousRandomFlip', prob=0.75, direction=DIRECTIONS),
    ]
    expected = {
        rotated(sample(), transpose, flips)[0].tobytes(): rotated(sample(), transpose, flips)[1]
        for transpose in (False, True)
        for flips in ((), (0,), (1,), (0, 1))
    }
    np.random.seed(0)
    seen = set()
    for _ in range(80):
        got = sample()
        for step in steps:
            got = step(got)
        image = got['img'].tobytes()
        mask = got['gt_masks'].masks[0]
        assert np.array_equal(mask, expected[image])
        assert got['img_shape'] == got['img'].shape[:2] == mask.shape
        assert (got['gt_masks'].height, got['gt_masks'].width) == mask.shape
        assert got['gt_bboxes'].tensor.tolist() == [box_of(mask)]
        seen.add(image)
    assert seen == set(expected)


def test_a_crop_keeps_enough_of_the_lesion():
    crop = build(type='RandomLesionCrop', smallest=0.4, min_kept=0.5)
    np.random.seed(0)
    original = sample()
    # The value of a pixel is its position.
    rows, columns = np.indices((30, 40), np.uint8)
    sizes = set()
    for _ in range(200):
        got = crop({**sample(), 'img': np.dstack([rows, columns, rows])})
        image, mask = got['img'], got['gt_masks'].masks[0]
        top, left = image[0, 0, :2]
        crop_of_it = np.s_[top : top + image.shape[0], left : left + image.shape[1]]
        assert np.array_equal(image[..., 0], rows[crop_of_it])
        assert np.array_equal(image[..., 1], columns[crop_of_it])
        assert np.array_equal(mask, original['gt_masks'].masks[0][crop_of_it])
        assert got['img_shape'] == image.shape[:2]
        assert got['gt_bboxes'].tensor.tolist() == [box_of(mask)]
        assert mask.sum() >= 0.5 * original['gt_masks'].masks.sum()
        sizes.add(image.shape[:2])
    heights, widths = map(set, zip(*sizes, strict=True))
    assert min(heights) >= 12 and min(widths) >= 16
    assert len(heights) > 12 and len(widths) > 16  # the sides are independent


def test_a_crop_keeps_enough_of_each_of_several_lesions():
    crop = build(type='RandomLesionCrop', smallest=0.4, min_kept=0.5)
    masks = np.zeros((2, 30, 40), np.uint8)
    masks[0, 2:20, 2:24] = masks[1, 22:27, 30:35] = 1
    np.random.seed(0)
    sizes = set()
    for _ in range(100):
        results = {**sample(), 'gt_masks': BitmapMasks(masks, 30, 40)}
        results |= {key: np.zeros(2, int) for key in ('gt_bboxes_labels', 'gt_ignore_flags')}
        boxes = torch.tensor([[2.0, 2, 24, 20], [30, 22, 35, 27]])
        got = crop({**results, 'gt_bboxes': HorizontalBoxes(boxes)})
        assert np.all(got['gt_masks'].areas >= [0.5 * 18 * 22, 0.5 * 25])
        sizes.add(got['img'].shape)
    assert len(sizes) > 5


def test_without_a_crop_that_keeps_the_lesion_the_image_stays():
    crop = build(type='RandomLesionCrop', smallest=0.2, min_kept=1.0)
    results = sample()
    mask = np.ones((1, 30, 40), np.uint8)  # every crop loses some of it
    results['gt_masks'] = BitmapMasks(mask, 30, 40)
    results['gt_bboxes'] = HorizontalBoxes(torch.tensor([[0.0, 0.0, 40.0, 30.0]]))
    np.random.seed(1)
    got = crop(results)
    assert got['img'].shape == (30, 40, 3)
    assert np.array_equal(got['gt_masks'].masks, mask)
    assert got['gt_bboxes'].tensor.tolist() == [[0, 0, 40, 30]]


@TRANSFORMS.register_module()
class AppendName(BaseTransform):
    def __init__(self, name):
        self.name = name

    def transform(self, results):
        return None if self.name == 'stop' else {'seen': [*results['seen'], self.name]}


def some_of(names, number=None):
    transforms = [dict(type='AppendName', name=name) for name in names]
    return build(type='SomeOf', transforms=transforms, number=number)


def draws(transform, times):
    np.random.seed(0)
    return Counter(''.join(transform({'seen': []})['seen']) for _ in range(times))


def test_some_of_draws_every_number_and_order_equally_often():
    found = draws(some_of('abc'), 6000)
    expected = {
        ''.join(order): 1500 / len(list(permutations('abc', count)))
        for count in range(4)
        for order in permutations('abc', count)
    }
    assert found.keys() == expected.keys()
    for order, times in expected.items():
        assert found[order] == pytest.approx(times, abs=5 * times**0.5), order
    assert draws(some_of('abc'), 50) == draws(some_of('abc'), 50)
    assert {len(order) for order in draws(some_of('abcd', (2, 3)), 300)} == {2, 3}
    assert some_of(['stop'], (1, 1))({'seen': []}) is None


@pytest.mark.parametrize(
    ('names', 'number'), [('', None), ('ab', (0, 3)), ('ab', (2, 1)), ('ab', (-1, 1))]
)
def test_impossible_numbers_are_refused(names, number):
    with pytest.raises(InputError, match='SomeOf: number='):
        some_of(names, number)
