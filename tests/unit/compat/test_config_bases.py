from pathlib import Path

import mmdet
import mmengine.config.utils
import pytest
from mmengine.config import Config

import isic_mmdet.register  # noqa: F401
from isic_mmdet.compat import config_bases

NAMES = ('_base_/models/mask-rcnn_r50_fpn.py', 'mask_rcnn/mask-rcnn_r50_fpn_1x_coco.py')


@pytest.mark.parametrize('name', NAMES)
def test_a_base_is_the_file_that_mmengine_finds(name):
    here = str(Path(__file__))
    found = Config._get_cfg_path(f'mmdet::{name}', here)
    expected = config_bases._by_index(f'mmdet::{name}', here)
    assert Path(found[0]).samefile(expected[0])
    assert found[1] == expected[1] == 'mmdet'
    assert Path(found[0]).is_relative_to(Path(mmdet.__file__).parent)


def test_the_model_zoo_is_not_read_for_it(monkeypatch, root):
    def read(*arguments):
        raise AssertionError('read')

    monkeypatch.setattr(mmengine.config.utils, 'load', read)
    cfg = Config.fromfile(root / 'configs/_base_/models/mask-rcnn_r50_fpn_lesion.py')
    assert cfg.model.type == 'LesionMaskRCNN'


def test_everything_else_is_left_to_mmengine(tmp_path):
    assert Config._get_cfg_path('../base.py', str(tmp_path / 'own.py')) == (
        str(tmp_path / '../base.py'),
        None,
    )
    with pytest.raises(AssertionError, match='mmnothing'):
        Config._get_cfg_path('mmnothing::a/b.py', 'own.py')
    with pytest.raises(FileNotFoundError):
        Config._get_cfg_path('mmdet::_base_/nothing.py', 'own.py')
