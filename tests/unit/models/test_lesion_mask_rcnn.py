import copy

import numpy as np
import pytest
import torch
from mmdet.registry import DATASETS, MODELS
from mmengine.dataset import pseudo_collate
from mmengine.registry import init_default_scope

import isic_mmdet.register  # noqa: F401
from isic_mmdet.engine.config.load import load_config
from isic_mmdet.models.box_masks import return_box_masks
from isic_mmdet.models.lesion_mask_rcnn import prepare_for_prediction

# mmdet's own classes in place of this project's.
STOCK = {
    'model.type': 'MaskRCNN',
    'model.rpn_head.type': 'RPNHead',
    'model.roi_head.bbox_head.type': 'Shared2FCBBoxHead',
    'model.roi_head.mask_head.type': 'FCNMaskHead',
}


@pytest.fixture(scope='module')
def cfg(root, tiny_data):
    cfg = load_config(root / 'configs/quickstart.py', data_root=tiny_data)
    init_default_scope(cfg.default_scope)
    return cfg


@pytest.fixture(scope='module')
def images(cfg):
    data = DATASETS.build({**cfg.test_dataloader.dataset, 'ann_file': 'annotations/train.json'})
    return pseudo_collate([data[i] for i in range(4)])


@pytest.fixture(scope='module')
def batch(cfg):
    data = DATASETS.build(cfg.train_dataloader.dataset)
    np.random.seed(0)  # of the flips
    return pseudo_collate([data[i] for i in range(4)])


@pytest.fixture(scope='module')
def plain(cfg):
    torch.manual_seed(0)
    model = MODELS.build(cfg.model)
    model.init_weights()
    return model


def like(plain, cfg, **settings):
    """Another model of the same weights."""
    changed = copy.deepcopy(cfg)
    changed.merge_from_dict({**settings})
    model = MODELS.build(changed.model)
    model.load_state_dict(plain.state_dict())
    return model


def losses_of(model, batch):
    torch.manual_seed(1)  # of the samplers
    model.train()
    data = model.data_preprocessor(copy.deepcopy(batch), training=True)
    losses = model(**data, mode='loss')
    return {
        name: sum(value) if isinstance(value, list) else value for name, value in losses.items()
    }


def test_in_float32_it_is_the_model_of_mmdet(plain, cfg, batch):
    stock = like(plain, cfg, **STOCK)
    expected, got = losses_of(stock, batch), losses_of(plain, batch)
    assert got.keys() == expected.keys()
    for name in expected:
        # Rounding may decide about one of the 128 sampled proposals: 0.78 % of the accuracy.
        atol = 1 if name == 'acc' else 1e-4
        torch.testing.assert_close(got[name], expected[name], rtol=5e-3, atol=atol)


def test_its_detections_and_masks_are_those_of_mmdet(plain, cfg, images):
    stock = like(plain, cfg, **STOCK).eval()
    plain.eval()
    with torch.no_grad():
        pairs = zip(stock.test_step(images), plain.test_step(images), strict=True)
    for expected, got in pairs:
        expected, got = expected.pred_instances, got.pred_instances
        torch.testing.assert_close(got.bboxes, expected.bboxes, rtol=1e-3, atol=1e-2)
        torch.testing.assert_close(got.scores, expected.scores, rtol=1e-3, atol=1e-4)
        assert got.masks.shape == expected.masks.shape
        assert got.masks.dtype == torch.bool
        assert expected.masks.any()
        # mmdet cuts masks off within a pixel of their box.
        assert (got.masks == expected.masks).float().mean() > 0.99


def test_the_confidence_of_a_mask_is_the_mean_of_its_cells(plain, images):
    plain.eval()
    cells = copy.deepcopy(plain)
    return_box_masks(cells)
    with torch.no_grad():
        pairs = list(zip(plain.test_step(images), cells.test_step(images), strict=True))
    for got, expected in pairs:
        maps = expected.pred_instances.masks
        lesion = maps > 0.5
        means = (maps * lesion).sum((1, 2)) / lesion.sum((1, 2))
        assert len(means)
        torch.testing.assert_close(got.pred_instances.mask_confidences, means)


def test_bfloat16_is_near_and_returns_float32(plain, cfg, batch, images):
    half = like(plain, cfg, **{'model.precision': 'bfloat16'})
    expected, got = losses_of(plain, batch), losses_of(half, batch)
    for name in ('loss_rpn_cls', 'loss_cls', 'loss_mask'):
        assert got[name].dtype == torch.float32
        torch.testing.assert_close(got[name], expected[name], rtol=0.05, atol=0.02)
    sum(got[name].sum() for name in got if 'loss' in name).backward()
    assert {p.grad.dtype for p in half.parameters() if p.grad is not None} == {torch.float32}

    half.eval()
    with torch.no_grad():
        for sample in half.test_step(images):
            assert sample.pred_instances.scores.dtype == torch.float32
            assert sample.pred_instances.bboxes.dtype == torch.float32


@pytest.mark.parametrize(
    ('precision', 'dtype'), [('float32', torch.float32), ('bfloat16', torch.bfloat16)]
)
def test_maps_have_the_precision_and_their_channels_last(plain, cfg, images, precision, dtype):
    model = like(plain, cfg, **{'model.precision': precision}).eval()
    seen = []
    model.neck.register_forward_hook(lambda module, given, maps: seen.extend(maps))
    with torch.no_grad():
        model.test_step(images)
    assert {each.dtype for each in seen} == {dtype}
    assert seen[0].is_contiguous(memory_format=torch.channels_last)


def test_another_precision_is_refused(cfg):
    with pytest.raises(ValueError, match='float16'):
        MODELS.build({**cfg.model, 'precision': 'float16'})


@pytest.fixture
def trained(plain):
    """A model whose batch norms change the maps when they are folded."""
    model = copy.deepcopy(plain).eval()
    torch.manual_seed(2)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.running_mean, -0.5, 0.5)
            torch.nn.init.uniform_(module.running_var, 0.5, 2.0)
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
            torch.nn.init.uniform_(module.bias, -0.5, 0.5)
    return model


def maps_of(model):
    generator = torch.Generator().manual_seed(1)
    images = torch.randn(1, 3, 64, 64, generator=generator)
    in_bfloat16 = model.precision == 'bfloat16'
    with torch.inference_mode(), torch.autocast('cpu', torch.bfloat16, in_bfloat16):
        return model.extract_feat(images)


def test_batch_norms_are_folded_for_prediction(trained):
    folded = copy.deepcopy(trained)
    prepare_for_prediction(folded)
    assert not any(isinstance(each, torch.nn.BatchNorm2d) for each in folded.backbone.modules())
    for got, expected in zip(maps_of(folded), maps_of(trained), strict=True):
        torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-4)


def test_weights_of_convolutions_are_cast_to_bfloat16_for_prediction(trained):
    trained.precision = 'bfloat16'
    folded = copy.deepcopy(trained)
    prepare_for_prediction(folded)
    assert folded.neck.lateral_convs[0].conv.weight.dtype == torch.bfloat16
    assert folded.roi_head.bbox_head.fc_cls.weight.dtype == torch.float32
    for got, expected in zip(maps_of(folded), maps_of(trained), strict=True):
        assert got.dtype == torch.bfloat16
        assert (got.float() - expected.float()).abs().max() < 0.05 * expected.float().abs().max()
