"""A config and a checkpoint that the previous release wrote, with its registered names.

The checkpoint is that of one epoch on eight synthetic images. The expected detections are those
of the previous release.
"""

from pathlib import Path

import numpy as np
import pytest
import torch
from mmdet.apis import inference_detector, init_detector
from mmdet.registry import HOOKS, LOOPS, METRICS, MODELS
from mmengine.registry import FUNCTIONS, OPTIM_WRAPPERS

from isic_mmdet.engine.checks.preflight import preflight
from isic_mmdet.engine.config.load import load_config
from isic_mmdet.engine.config.recorded_config import recorded_changes
from isic_mmdet.utils.renamed import HOOKS as HOOK_KEYS
from isic_mmdet.utils.renamed import NAMES

CONFIG = Path(__file__).resolve().parents[2] / 'support/previous_release/config.py'
CHECKPOINT = CONFIG.with_name('epoch_1.pth')


@pytest.mark.filterwarnings('ignore::FutureWarning')
def test_mmdet_builds_it_and_predicts_what_it_predicted():
    model = init_detector(str(CONFIG), str(CHECKPOINT), device='cpu')
    image = np.full((64, 64, 3), 200, np.uint8)
    image[20:44, 16:50] = (60, 80, 120)
    found = inference_detector(model, image).pred_instances
    boxes = [
        [0.0013, 0.0, 11.3466, 30.6314],
        [0.0081, 0.0, 30.6167, 19.3125],
        [17.3583, 0.0, 62.6122, 19.3149],
    ]
    torch.testing.assert_close(found.bboxes, torch.tensor(boxes), rtol=0, atol=1e-3)
    scores = torch.tensor([0.493411, 0.489484, 0.486763])
    torch.testing.assert_close(found.scores, scores, rtol=0, atol=1e-5)
    assert found.masks.sum((1, 2)).tolist() == [233, 277, 409]


def test_the_config_loads_with_one_warning_for_each_old_name(tiny_data):
    with pytest.warns(FutureWarning) as caught:
        cfg = load_config(CONFIG, data_root=tiny_data)
    renamed = [str(each.message).split()[0] for each in caught if each.category is FutureWarning]
    assert sorted(renamed) == sorted({*NAMES, *HOOK_KEYS, 'stages'})
    preflight(cfg, ('train_dataloader', 'val_dataloader', 'test_dataloader'))


@pytest.mark.filterwarnings('ignore::FutureWarning')
def test_its_checkpoint_records_the_same_training():
    cfg = load_config(CONFIG)
    checkpoint = torch.load(CHECKPOINT, weights_only=False)
    differing = {change.key for change in recorded_changes(cfg, checkpoint)}
    # An option of that run, and what a run sets itself.
    assert differing == {'train_cfg.max_epochs', 'val_dataloader.batch_sampler'}


def test_every_old_name_is_registered_and_warns():
    registries = (HOOKS, LOOPS, METRICS, MODELS, OPTIM_WRAPPERS, FUNCTIONS)
    for old, new in NAMES.items():
        assert any({old, new} <= set(each.module_dict) for each in registries), old
    with pytest.warns(FutureWarning, match='JaccardMaskLoss has been renamed to BCEJaccardLoss'):
        loss = MODELS.build(dict(type='JaccardMaskLoss'))
    assert type(loss).__name__ == 'BCEJaccardLoss'
