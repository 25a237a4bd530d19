import copy
from pathlib import Path

import pytest
import torch
from mmdet.registry import MODELS
from mmengine.registry import init_default_scope

import isic_mmdet.register  # noqa: F401
from isic_mmdet.engine.config.load import load_config
from isic_mmdet.models.folding import fold

CONFIG = Path(__file__).resolve().parents[3] / 'configs' / 'quickstart.py'


@pytest.fixture
def model():
    cfg = load_config(CONFIG)
    cfg.model.backbone.init_cfg = None
    init_default_scope(cfg.default_scope)
    torch.manual_seed(0)
    model = MODELS.build(cfg.model).eval()
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):  # statistics that fold to something
            torch.nn.init.uniform_(module.running_mean, -0.5, 0.5)
            torch.nn.init.uniform_(module.running_var, 0.5, 2.0)
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
            torch.nn.init.uniform_(module.bias, -0.5, 0.5)
    return model


def maps_of(model):
    generator = torch.Generator().manual_seed(1)
    images = torch.randn(1, 3, 64, 64, generator=generator)
    with (
        torch.inference_mode(),
        torch.autocast('cpu', torch.bfloat16, model.precision != 'float32'),
    ):
        return model.extract_feat(images)


def test_maps_stay_the_same_without_a_batch_norm(model):
    folded = copy.deepcopy(model)
    fold(folded)
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in folded.modules())
    for got, expected in zip(maps_of(folded), maps_of(model), strict=True):
        torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-4)


def test_weights_are_kept_in_bfloat16_where_they_compute_in_it(model):
    model.precision = 'bfloat16'
    folded = copy.deepcopy(model)
    fold(folded)
    assert folded.backbone.conv1.weight.dtype == torch.bfloat16
    assert folded.roi_head.bbox_head.fc_cls.weight.dtype == torch.float32
    for got, expected in zip(maps_of(folded), maps_of(model), strict=True):
        assert got.dtype == torch.bfloat16
        assert (got.float() - expected.float()).abs().max() < 0.05 * expected.float().abs().max()
