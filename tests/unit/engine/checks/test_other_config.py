import pytest
import torch
from mmengine.logging import MMLogger

from isic_mmdet.engine.checks.other_config import warn_of_other_settings
from isic_mmdet.engine.config.load import load_config
from isic_mmdet.engine.config.run_options import select_split

SCALE = 'test_dataloader.dataset.pipeline.1.scale.0'


@pytest.fixture
def warnings_of(root, tmp_path, monkeypatch):
    """Return a function that tests a checkpoint of one config with another one."""

    def call(trained: str | None, tested: str, options: dict | None = None) -> list[str]:
        meta = {}
        if trained is not None:
            cfg = load_config(root / f'configs/{trained}.py')
            meta = {'cfg': cfg.pretty_text, 'training': {'config': trained}}
        torch.save({'state_dict': {}, 'meta': meta}, tmp_path / 'best.pth')
        found: list[str] = []
        monkeypatch.setattr(MMLogger.get_current_instance(), 'warning', found.append)
        cfg = load_config(root / f'configs/{tested}.py', options)
        select_split(cfg, 'val')
        warn_of_other_settings(cfg, str(tmp_path / 'best.pth'))
        return found

    return call


def test_the_config_of_the_training_may_have_other_data_and_weights(warnings_of):
    other = {'test_dataloader.batch_size': 3, 'test_dataloader.dataset.data_root': 'data/mine'}
    assert warnings_of('quickstart', 'quickstart', other) == []
    assert warnings_of('isic2018_maskrcnn_lite', 'finetune') == []
    assert warnings_of(None, 'quickstart') == [], 'weights alone'


def test_another_size_of_the_images_is_a_warning(warnings_of):
    (text,) = warnings_of('isic2018_maskrcnn_lite', 'quickstart')
    assert 'trained with isic2018_maskrcnn_lite' in text
    assert f'{SCALE}: ' in text
    (text,) = warnings_of('quickstart', 'quickstart', {'model.test_cfg.rcnn.score_thr': 0.9})
    assert 'model.test_cfg.rcnn.score_thr: ' in text and SCALE not in text
