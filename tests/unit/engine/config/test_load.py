"""Configs as commands load them: with options and on other data."""

import os
import shutil

import pytest

from isic_mmdet.engine.config.load import load_config
from isic_mmdet.errors import InputError


def test_the_data_root_reaches_every_data_set_and_is_given_once(root, tiny_data, tmp_path):
    wrapped = tmp_path / 'wrapped.py'
    wrapped.write_text(
        f"_base_ = '{root}/configs/quickstart.py'\n"
        "inner = dict(type='LesionDataset', ann_file='annotations/train.json', pipeline=[])\n"
        'train_dataloader = dict(dataset=dict(_delete_=True, type="RepeatDataset", times=2,'
        ' dataset=inner))\n'
    )
    cfg = load_config(wrapped, data_root=tiny_data)
    assert cfg.train_dataloader.dataset.dataset.data_root == str(tiny_data)
    for split in ('val', 'test'):
        assert cfg[f'{split}_dataloader'].dataset.data_root == str(tiny_data)
    with pytest.raises(InputError, match='--data-root'):
        load_config(wrapped, {'val_dataloader.dataset.data_root': 'elsewhere'}, tiny_data)


def test_several_data_roots_make_one_data_set_of_each_split(root, tiny_data, tmp_path):
    other = tmp_path / 'other'
    shutil.copytree(tiny_data / 'annotations', other / 'annotations')
    cfg = load_config(root / 'configs/quickstart.py', data_root=[tiny_data, other])
    for split in ('train', 'val', 'test'):
        dataset = cfg[f'{split}_dataloader'].dataset
        assert dataset.type == 'ConcatDataset'
        assert [part.data_root for part in dataset.datasets] == [str(tiny_data), str(other)]
        assert {part.ann_file for part in dataset.datasets} == {f'annotations/{split}.json'}
    with pytest.raises(InputError, match='twice'):
        load_config(root / 'configs/quickstart.py', data_root=[other, other])


@pytest.mark.parametrize('name', ['default_runtime.py', 'models/mask-rcnn_r50_fpn_lesion.py'])
def test_a_part_of_a_config_is_refused(root, name):
    with pytest.raises(InputError, match='only a part of a config'):
        load_config(root / 'configs/_base_' / name)


def test_a_path_that_is_not_text_is_refused(root):
    name = os.fsdecode(b'd\xff')
    for path, data in ((root / 'configs/quickstart.py', name), (name, None)):
        with pytest.raises(InputError, match='PYTHONUTF8=1'):
            load_config(path, data_root=data)


def test_loaders_without_workers_keep_no_settings_of_workers(root, tmp_path):
    path = tmp_path / 'prefetching.py'
    names = ('train_dataloader', 'val_dataloader', 'test_dataloader')
    settings = '\n'.join(f'{name} = dict(prefetch_factor=4)' for name in names)
    path.write_text(f"_base_ = '{root}/configs/quickstart.py'\n{settings}\n")
    with_workers = load_config(path)
    without = load_config(path, {f'{name}.num_workers': 0 for name in names})
    for name in names:
        assert with_workers[name].prefetch_factor == 4
        assert not without[name].persistent_workers and 'prefetch_factor' not in without[name]


def test_macos_starts_new_processes_instead_of_forks(root, monkeypatch):
    monkeypatch.setattr('sys.platform', 'darwin')
    name, config = 'env_cfg.mp_cfg.mp_start_method', root / 'configs/quickstart.py'
    assert load_config(config).env_cfg.mp_cfg.mp_start_method == 'spawn'
    assert load_config(config, {name: 'fork'}).env_cfg.mp_cfg.mp_start_method == 'fork'
