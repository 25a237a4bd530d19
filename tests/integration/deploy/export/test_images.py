import shutil

import pytest
from mmengine.registry import init_default_scope

from isic_mmdet.deploy.export.images import NUMBER, check_images
from isic_mmdet.engine.config.load import load_config
from isic_mmdet.errors import InputError


@pytest.fixture
def cfg(config, tiny_data):
    loaded = load_config(config, data_root=tiny_data)
    init_default_scope(loaded.default_scope)
    return loaded


def test_a_validation_split_gives_its_images(cfg, tiny_data):
    found = check_images(cfg, None)
    assert found.source == '3 of the 3 validation images'
    assert all(file.path.parent == tiny_data / 'images' for file in found.files.values())


def test_a_large_split_gives_some_from_its_beginning_to_its_end(cfg, tiny_data, monkeypatch):
    monkeypatch.setattr('isic_mmdet.deploy.export.images.NUMBER', 5)
    cfg.val_dataloader.dataset.ann_file = 'annotations/train.json'
    found = check_images(cfg, None)
    assert found.source == '5 of the 12 validation images'
    assert len(found.files) == 5
    cfg_all = check_images(cfg, str(tiny_data / 'images')).files
    assert set(found.files) < set(cfg_all)
    assert NUMBER == 20


def test_a_folder_gives_all_its_images(cfg, tiny_data):
    found = check_images(cfg, str(tiny_data / 'images'))
    assert len(found.files) == 18
    assert found.source == f'18 images of {tiny_data / "images"}'


def test_without_images_the_message_has_a_fix(cfg, tiny_data, tmp_path):
    with pytest.raises(InputError, match='no image is there'):
        check_images(cfg, str(tmp_path))
    broken = tmp_path / 'broken'
    shutil.copytree(tiny_data, broken)
    shutil.rmtree(broken / 'images')
    for root in (tmp_path / 'none', broken):
        cfg.val_dataloader.dataset.data_root = str(root)
        with pytest.raises(InputError, match='or name other real images with --check-images'):
            check_images(cfg, None)
