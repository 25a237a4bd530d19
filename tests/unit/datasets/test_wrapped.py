"""Data sets that are made of others."""

from types import SimpleNamespace

import isic_mmdet.register  # noqa: F401 - before mmdet's data sets
from isic_mmdet.datasets.lesion_dataset import LesionDataset
from isic_mmdet.datasets.samplers import SeededIndex
from isic_mmdet.datasets.wrapped import ClassBalancedDataset, leaves, named_leaves


def leaf(path: str) -> SimpleNamespace:
    root, _, file = path.partition(':')
    return SimpleNamespace(data_root=root, ann_file=f'{root}annotations/{file}.json')


def both(*parts) -> SimpleNamespace:
    return SimpleNamespace(datasets=list(parts))


def test_leaves_come_in_the_order_of_their_images():
    first, second, third = leaf('a/:val'), leaf('b/:val'), leaf('a/:test')
    assert list(leaves(first)) == [first]
    wrapped = both(SimpleNamespace(dataset=both(first, second)), third)
    assert list(leaves(wrapped)) == [first, second, third]


def test_names_are_as_long_as_they_have_to_be():
    assert list(named_leaves(both(leaf('a/:val'), leaf('a/:test')))) == ['val', 'test']
    assert list(named_leaves(both(leaf('x/a/:val'), leaf('b/:val')))) == ['a_val', 'b_val']
    assert list(named_leaves(both(leaf('x/a/:val'), leaf('y/a/:val')))) == ['1_a_val', '2_a_val']


def test_balanced_samples_keep_their_seed(tiny_data):
    dataset = LesionDataset(
        ann_file='annotations/train.json',
        data_root=str(tiny_data),
        data_prefix={'img': 'images/'},
        pipeline=[
            {'type': 'LoadImageFromFile'},
            {'type': 'LoadAnnotations', 'with_bbox': True, 'with_mask': True},
            {'type': 'BytePhotoMetricDistortion'},
            {'type': 'PackLesionInputs'},
        ],
    )
    balanced = ClassBalancedDataset(dataset, oversample_thr=1.0)
    assert len(balanced) == len(dataset)  # a single class
    index = SeededIndex(2, (3, 0, 2, 0))
    assert balanced[index]['inputs'].equal(dataset[index]['inputs'])
    assert balanced[index]['inputs'].equal(balanced[index]['inputs'])
