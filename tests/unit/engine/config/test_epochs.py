"""The number of epochs that follows the number of images."""

import json

import pytest
from mmengine.config import Config

from isic_mmdet.engine.config.epochs import follow_images
from isic_mmdet.errors import InputError


def config(*folders, **settings):
    parts = [dict(data_root=str(folder), ann_file='train.json') for folder in folders]
    return Config(
        dict(
            train_dataloader=dict(dataset=dict(type='ConcatDataset', datasets=parts)),
            train_cfg=dict(max_epochs=24, val_interval=3),
            **settings,
        )
    )


@pytest.fixture
def folder(tmp_path):
    def make(images, name='data'):
        (tmp_path / name).mkdir()
        content = {'images': [{'id': k} for k in range(images)]}
        (tmp_path / name / 'train.json').write_text(json.dumps(content))
        return tmp_path / name

    return make


RULE = dict(images=50, power=0.4)


# max(2, 24 (50 / n) ** 0.4) by hand, and an eighth of it.
@pytest.mark.parametrize(
    ('images', 'epochs', 'interval'),
    [
        (20, 35, 4),
        (50, 24, 3),
        (200, 14, 2),
        (1000, 7, 1),
        (20000, 2, 1),
        (100000, 2, 1),
        (1, 60, 8),
    ],
)
def test_more_images_get_fewer_epochs(folder, images, epochs, interval):
    cfg = config(folder(images), epochs_by_images=RULE)
    follow_images(cfg)
    assert (cfg.train_cfg.max_epochs, cfg.train_cfg.val_interval) == (epochs, interval)
    assert 'epochs_by_images' not in cfg  # the recorded config has numbers alone


def test_images_of_several_data_sets_are_added(folder):
    cfg = config(folder(120), folder(80, 'more'), epochs_by_images=RULE)
    follow_images(cfg)
    assert cfg.train_cfg.max_epochs == 14


@pytest.mark.parametrize(
    ('given', 'expected'),
    [
        ({'train_cfg.max_epochs': 24}, (24, 3)),
        ({'train_cfg.val_interval': 3}, (14, 3)),
        ({'train_cfg.max_epochs': 24, 'train_cfg.val_interval': 3}, (24, 3)),
    ],
)
def test_settings_of_the_command_line_stay(folder, given, expected):
    cfg = config(folder(200), epochs_by_images=RULE)
    follow_images(cfg, given)
    assert (cfg.train_cfg.max_epochs, cfg.train_cfg.val_interval) == expected


@pytest.mark.parametrize('content', ['', '[]', '{"images": 3}', '{"annotations": []}'])
def test_damaged_annotations_are_left_to_the_checks(tmp_path, content):
    (tmp_path / 'train.json').write_text(content)
    cfg = config(tmp_path, epochs_by_images=RULE)
    follow_images(cfg)
    assert cfg.train_cfg.max_epochs == 24


def test_other_configs_keep_their_epochs(folder):
    cfg = config(folder(200))
    follow_images(cfg)
    assert cfg.train_cfg.max_epochs == 24


@pytest.mark.parametrize('rule', [dict(images=0, power=0.4), dict(images=50), dict(power=0.4)])
def test_a_wrong_rule_is_refused(folder, rule):
    cfg = config(folder(200), epochs_by_images=rule)
    with pytest.raises(InputError, match='give two positive numbers'):
        follow_images(cfg)
