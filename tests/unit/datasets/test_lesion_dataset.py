from pathlib import Path

import cv2
import numpy as np
import pytest

import isic_mmdet.register  # noqa: F401
from isic_mmdet.datasets.lesion_dataset import LesionDataset
from isic_mmdet.errors import InputError

LOAD = dict(type='LoadImageFromFile')
TRUTH = dict(type='LoadAnnotations', with_bbox=True, with_mask=True)
PACK = dict(type='PackLesionInputs')
TINY_CROP = dict(type='RandomCrop', crop_size=(2, 2), allow_negative_crop=True)


def build(data: Path, *middle: dict, truth: dict | None = TRUTH, **options) -> LesionDataset:
    pipeline = [LOAD, *([truth] if truth else []), *middle, PACK]
    return LesionDataset(
        data_root=str(data),
        ann_file='annotations/train.json',
        data_prefix=dict(img='images/'),
        pipeline=pipeline,
        **options,
    )


def test_a_sample_has_the_metadata_and_the_exact_mask(tiny_data):
    dataset = build(tiny_data)
    sample = dataset[0]['data_samples']
    assert sample.isic_id.startswith('ISIC_')
    assert sample.gt_label == 0
    assert Path(sample.original_mask).is_file()
    official = cv2.imread(sample.original_mask, cv2.IMREAD_GRAYSCALE) > 128
    np.testing.assert_array_equal(sample.gt_instances.masks.masks[0].astype(bool), official)


@pytest.mark.parametrize(
    ('middle', 'options', 'problem'),
    [
        ([], dict(truth=dict(**TRUTH, poly2mask=False)), 'poly2mask=True'),
        ([TINY_CROP], {}, 'does not survive'),
        ([], dict(truth=None), 'no transform loads its mask'),
        ([], dict(filter_cfg=dict(min_size=5000)), 'no image is left'),
        ([], dict(metainfo=dict(classes=('naevus',))), "class 'naevus'"),
    ],
)
def test_data_that_cannot_be_trained_on_are_refused(tiny_data, middle, options, problem):
    with pytest.raises(InputError, match=problem):
        build(tiny_data, *middle, **options)


def test_the_check_does_not_change_the_random_state(tiny_data):
    np.random.seed(3)
    expected = np.random.rand()
    np.random.seed(3)
    build(tiny_data, dict(type='RandomFlip', prob=0.5))
    assert np.random.rand() == expected


def test_a_subset_is_drawn_at_random_by_its_seed(tiny_data):
    def ids(subset):
        data = build(tiny_data, subset=subset)
        return [data.get_data_info(index)['isic_id'] for index in range(len(data))]

    everything = ids(None)
    some = ids(dict(size=5, seed=0))
    assert len(some) == len(set(some)) == 5
    assert some == [name for name in everything if name in some]
    assert some == ids(dict(size=5, seed=0))
    assert some != ids(dict(size=5, seed=1))
    assert some != everything[:5]
    assert ids(dict(size=len(everything), seed=0)) == everything


@pytest.mark.parametrize(
    ('subset', 'problem'),
    [
        (dict(size=13, seed=0), 'a subset of 13 of its 12 images'),
        (dict(size=0, seed=0), 'a subset of 0'),
        (dict(size=5), r'write subset=dict\(size=100, seed=0\)'),
    ],
)
def test_an_impossible_subset_is_refused(tiny_data, subset, problem):
    with pytest.raises(InputError, match=problem):
        build(tiny_data, subset=subset).full_init()
