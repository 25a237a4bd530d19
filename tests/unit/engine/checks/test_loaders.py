"""Loaders that mmengine would build, but that give an exception or a wrong score."""

import re

import pytest
from mmengine.config import Config

from isic_mmdet.engine.checks.loaders import loader_errors, repeated_images

LEAF = {'type': 'LesionDataset', 'ann_file': 'annotations/val.json', 'pipeline': []}
SPLITS = ('train', 'val', 'test')


def experiment(**changes) -> Config:
    """A config with three sound loaders; `changes` are dotted, with `__` for the dot."""
    loader = {'batch_size': 2, 'sampler': {'type': 'DefaultSampler'}, 'dataset': dict(LEAF)}
    cfg = Config({f'{split}_dataloader': loader for split in SPLITS})
    cfg.train_cfg = cfg.optim_wrapper = {'type': 'any'}
    for split in ('val', 'test'):
        cfg[f'{split}_cfg'] = cfg[f'{split}_evaluator'] = {'type': 'any'}
    cfg.merge_from_dict({key.replace('__', '.'): value for key, value in changes.items()})
    return cfg


def wrapped(kind: str, inside=LEAF, **settings) -> dict:
    return {'_delete_': True, 'type': kind, 'dataset': inside, **settings}


def errors(**changes) -> list[str]:
    return loader_errors(experiment(**changes), [f'{split}_dataloader' for split in SPLITS])


def test_sound_loaders_and_a_training_without_validation_pass():
    assert errors() == []
    assert errors(val_dataloader=None, val_cfg=None, val_evaluator=None) == []
    both = {'_delete_': True, 'type': 'ConcatDataset', 'datasets': [LEAF, LEAF]}
    assert errors(val_dataloader__dataset=both) == []
    balanced = wrapped('ClassBalancedDataset', oversample_thr=0.5)
    repeated = wrapped('RepeatDataset', {**both, 'datasets': [LEAF, balanced]}, times=2)
    assert errors(train_dataloader__dataset=repeated) == []


@pytest.mark.parametrize(
    ('key', 'value', 'words'),
    [
        ('val_evaluator', None, 'no val_evaluator'),
        ('train_cfg', None, 'no train_cfg'),
        ('test_dataloader', None, 'no test_dataloader'),
        ('train_dataloader__batch_size', 0, 'train_dataloader.batch_size is 0'),
        ('train_dataloader__sampler', [1], r'train_dataloader.sampler is \[1\]'),
        ('train_dataloader__num_batch_per_epoch', 3, 'num_batch_per_epoch ignores'),
        ('val_dataloader__drop_last', True, 'val_dataloader.drop_last would exclude'),
        ('test_dataloader__batch_sampler', {'drop_last': True}, 'test_dataloader.drop_last'),
        ('val_dataloader__sampler__type', 'mmengine.InfiniteSampler', 'does not give each image'),
        ('val_dataloader__dataset', wrapped('RepeatDataset', times=2), 'each image once'),
        (
            'test_dataloader__dataset',
            {'_delete_': True, 'type': 'ConcatDataset', 'datasets': [wrapped('RepeatDataset')]},
            'test_dataloader.dataset.datasets.0: RepeatDataset',
        ),
        (
            'train_dataloader__dataset',
            wrapped('ClassBalancedDataset', wrapped('RepeatDataset', times=2)),
            'takes a single data set',
        ),
        (
            'train_dataloader__dataset',
            wrapped('MultiImageMixDataset', pipeline=[{'type': 'Mosaic'}]),
            'Mosaic moves boxes but not masks',
        ),
    ],
)
def test_wrong_loaders_are_named(key, value, words):
    (problem,) = errors(**{key: value})
    assert re.search(words, problem)


def test_a_sampler_cannot_balance_the_classes_inside_a_wrapper():
    (problem,) = errors(
        train_dataloader__dataset=wrapped('RepeatDataset', times=2),
        train_dataloader__sampler__type='ClassAwareSampler',
    )
    assert 'ClassAwareSampler' in problem


def test_images_of_the_same_id_are_one_error():
    (problem,) = repeated_images(['a', 'b', 'a', 'c', 'b'], 'val_dataloader')
    assert 'val_dataloader: 2 ids of images come several times, such as a, b' in problem
    assert not repeated_images(['a', 'b'], 'val_dataloader')
