"""Errors of a config, its data and its weights before a run."""

from functools import partial

import pytest
import torch
from mmengine.runner import load_checkpoint

import isic_mmdet.register  # noqa: F401
from isic_mmdet.engine.checks.preflight import load_strictly, preflight
from isic_mmdet.engine.config.load import load_config
from isic_mmdet.errors import InputError


@pytest.fixture
def cfg(root, tiny_data):
    return load_config(root / 'configs/quickstart.py', data_root=tiny_data)


def test_preflight_collects_the_errors_of_all_splits_and_heads(cfg, tiny_data):
    preflight(cfg, ('train_dataloader', 'val_dataloader', 'test_dataloader'))
    cfg.model.roi_head.bbox_head.num_classes = 80
    cfg.val_dataloader.dataset.ann_file = 'annotations/nowhere.json'
    with pytest.raises(InputError) as error:
        preflight(cfg, ('train_dataloader', 'val_dataloader'))
    assert len(error.value.errors) == 2
    assert 'bbox_head.num_classes is 80' in error.value.errors[0]
    assert 'nowhere.json: no such file' in error.value.errors[1]


def concatenated(cfg, *ann_files):
    """Make the validation set of several annotation files."""
    leaf = dict(cfg.test_dataloader.dataset)
    parts = [{**leaf, 'ann_file': f'annotations/{name}.json'} for name in ann_files]
    cfg.val_dataloader.dataset = {'type': 'ConcatDataset', 'datasets': parts}


def test_images_of_two_validation_sets_count_once(cfg):
    concatenated(cfg, 'val', 'test')
    preflight(cfg, ('train_dataloader', 'val_dataloader'))
    concatenated(cfg, 'val', 'test', 'val')
    with pytest.raises(InputError, match='cannot be run') as error:
        preflight(cfg, ('train_dataloader', 'val_dataloader'))
    (problem,) = error.value.errors
    assert '3 ids of images come several times' in problem


def test_a_training_may_repeat_images_and_have_no_validation(cfg):
    leaf = cfg.train_dataloader.dataset
    cfg.train_dataloader.dataset = {'type': 'ConcatDataset', 'datasets': [leaf, leaf]}
    cfg.val_dataloader = cfg.val_cfg = cfg.val_evaluator = None
    preflight(cfg, ('train_dataloader', 'val_dataloader'))


def test_data_sets_of_other_classes_or_without_official_masks_are_refused(cfg):
    cfg.val_dataloader.dataset.metainfo = {'palette': [(1, 2, 3)]}
    with pytest.raises(InputError, match='cannot be run') as error:
        preflight(cfg, ('train_dataloader', 'val_dataloader'))
    assert 'same classes' in error.value.errors[0]
    cfg.val_dataloader.dataset.type = 'CocoDataset'
    with pytest.raises(InputError, match='cannot be run') as error:
        preflight(cfg, ('val_dataloader',))
    assert 'use LesionDataset' in error.value.errors[0]


def test_a_list_of_loaders_is_refused(cfg):
    cfg.val_dataloader = [cfg.val_dataloader, cfg.test_dataloader]
    with pytest.raises(InputError, match=r"val_dataloader is a list.*type='ConcatDataset'"):
        preflight(cfg, ('val_dataloader',))


@pytest.mark.parametrize('value', [float('nan'), float('inf')])
def test_weights_that_are_not_finite_are_refused(tmp_path, value):
    model, path = torch.nn.BatchNorm1d(2), tmp_path / 'broken.pth'
    model.running_var[1] = value
    torch.save({'state_dict': model.state_dict()}, path)
    load = partial(load_checkpoint, torch.nn.BatchNorm1d(2), str(path))
    with pytest.raises(InputError, match=r'NaN or infinite(.|\n)*running_var'):
        load_strictly(load, str(path), 'config.py', ['lesion'])
