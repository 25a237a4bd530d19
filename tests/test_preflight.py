import pytest

import isic_mmdet.register  # noqa: F401
from isic_mmdet.errors import InputError
from isic_mmdet.experiment import load_config
from isic_mmdet.preflight import preflight


@pytest.fixture
def cfg(root, tiny_data):
    return load_config(root / 'configs/quickstart.py', data_root=tiny_data)


def test_preflight_collects_the_faults_of_all_splits_and_heads(cfg, tiny_data):
    preflight(cfg, ('train_dataloader', 'val_dataloader', 'test_dataloader'))
    cfg.model.roi_head.bbox_head.num_classes = 80
    cfg.val_dataloader.dataset.ann_file = 'annotations/nowhere.json'
    with pytest.raises(InputError) as error:
        preflight(cfg, ('train_dataloader', 'val_dataloader'))
    assert len(error.value.faults) == 2
    assert 'bbox_head.num_classes is 80' in error.value.faults[0]
    assert 'nowhere.json: no such file' in error.value.faults[1]
