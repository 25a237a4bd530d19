"""How much of a model initial weights fill, and when that is too little."""

from pathlib import Path

import mmdet
import pytest
import torch
from mmdet.models.backbones import ResNet
from mmdet.registry import MODELS
from mmengine.config import Config
from mmengine.registry import init_default_scope

from isic_mmdet.engine.checks.weights import (
    Coverage,
    coverage,
    errors_of_backbone,
    errors_of_model,
    hint,
    is_class_layer,
    load_and_cover,
    percent,
    tensors_of,
)
from isic_mmdet.engine.config.load import load_config

STEM = ('conv1.', 'bn1.')


def built(cfg: Config):
    init_default_scope('mmdet')
    cfg.model.backbone.init_cfg = None
    return MODELS.build(cfg.model)


@pytest.fixture
def lesion_model(root):
    return built(load_config(root / 'configs/quickstart.py'))


def file_for(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    """Return random weights for a model."""
    return {name: torch.rand_like(value) for name, value in tensors_of(model).items()}


@pytest.fixture
def resnet() -> ResNet:
    torch.manual_seed(0)
    return ResNet(18, base_channels=8, init_cfg=None)


def loaded(backbone: ResNet, *beginnings: str) -> Coverage:
    """Return the coverage by a file with the tensors whose names begin so."""
    torch.manual_seed(1)
    own = tensors_of(backbone)
    file = {n: torch.rand_like(v) for n, v in own.items() if n.startswith(beginnings)}
    backbone.load_state_dict(file, strict=False)
    return coverage(backbone, file)


def test_coco_weights_of_mmdet_fill_all_but_the_class_layers(root):
    configs = Path(mmdet.__file__).parent / '.mim' / 'configs'
    cfg = Config.fromfile(configs / 'mask_rcnn' / 'mask-rcnn_r50_fpn_2x_coco.py')
    coco = file_for(built(cfg))
    for config in ('isic2018_maskrcnn.py', 'isic2017_maskrcnn.py'):
        found = load_and_cover(built(load_config(root / 'configs' / config)), coco)
        assert set(found.layers) == {
            'roi_head.bbox_head.fc_cls',
            'roi_head.bbox_head.fc_reg',
            'roi_head.mask_head.conv_logits',
        }
        assert errors_of_model(found) == []
        assert found.share > 0.99
        assert percent(found.share) == '99 %'
        assert 'roi_head.bbox_head.fc_cls (class layer)' in found.not_filled()
        assert 'backbone 100 % (265 of 265 tensors)' in found.by_part()


def test_class_layers():
    of_classes = (
        *('roi_head.bbox_head.fc_cls', 'roi_head.bbox_head.0.fc_reg', 'bbox_head.rtm_cls.0'),
        *('roi_head.mask_head.conv_logits', 'roi_head.diagnosis_head.norms.0'),
        *('bbox_head.cls_branches.5', 'panoptic_head.cls_embed'),
    )
    others = (
        *('rpn_head.rpn_cls', 'rpn_head.rpn_reg', 'roi_head.bbox_head.shared_fcs.0'),
        'roi_head.mask_head.convs.0.conv',
    )
    assert all(map(is_class_layer, of_classes))
    assert not any(map(is_class_layer, others))


@pytest.mark.parametrize('part', ['neck', 'rpn_head', 'roi_head.mask_head.convs.1', 'backbone'])
def test_a_missing_part_is_an_error(lesion_model, part):
    weights = {n: v for n, v in file_for(lesion_model).items() if not n.startswith(part)}
    errors = errors_of_model(load_and_cover(lesion_model, weights))
    assert errors
    assert all(problem.startswith(part) for problem in errors)


def test_another_shape_is_an_error_with_both_shapes(lesion_model):
    weights = file_for(lesion_model)
    weights['neck.fpn_convs.0.conv.weight'] = torch.zeros(1, 2, 3, 3)
    (problem,) = errors_of_model(load_and_cover(lesion_model, weights))
    assert '(1, 2, 3, 3), not (128, 128, 3, 3)' in problem


def test_too_small_a_share_is_an_error_even_if_only_class_layers_are_missing():
    found = Coverage({'head.fc_cls.weight': 60, 'neck.weight': 40}, ['head.fc_cls.weight'])
    (problem,) = errors_of_model(found)
    assert '40 %' in problem
    assert '50 %' in problem


@pytest.mark.parametrize('stages', [1, 2, 3, 4])
def test_a_backbone_may_end_early(resnet, stages):
    names = [f'layer{number}' for number in range(1, 5)]
    found = loaded(resnet, *STEM, *names[:stages])
    assert errors_of_backbone(resnet, found) == []
    assert {layer.split('.')[0] for layer in found.layers} == set(names[stages:])


@pytest.mark.parametrize(
    ('beginnings', 'named'),
    [
        ((), 'conv1'),
        (STEM, 'layer1'),
        (('layer3', 'layer4'), 'conv1'),
        ((*STEM, 'layer1', 'layer2', 'layer4'), 'layer3'),
        ((*STEM, 'layer1', 'layer2', 'layer3.0'), 'layer3'),
    ],
)
def test_a_backbone_with_gaps_is_an_error(resnet, beginnings, named):
    errors = errors_of_backbone(resnet, loaded(resnet, *beginnings))
    assert errors
    assert errors[0].startswith(f'{named}:')


def test_weights_count_under_another_name_or_precision(resnet):
    resnet.load_state_dict(file_for(resnet), strict=False)
    own = tensors_of(resnet)
    renamed = {f'features.{name}': value.clone() for name, value in own.items()}
    assert coverage(resnet, renamed).share == 1
    half = {name: value.half() for name, value in own.items()}
    resnet.load_state_dict(half, strict=False)
    assert coverage(resnet, half).share == 1
    assert coverage(resnet, {'conv1.weight': torch.ones(8, 3, 7, 7)}).share < 0.01


def test_the_ones_and_zeros_of_new_norms_do_not_count_as_loaded(resnet):
    file = ResNet(18, base_channels=8, init_cfg=None)
    prefixed = {f'backbone.{name}': value for name, value in tensors_of(file).items()}
    assert load_and_cover(resnet, prefixed).share == 0


@pytest.mark.parametrize(
    ('file', 'key'),
    [
        ({'state_dict': {}}, 'no weights'),
        ({'model': 'backbone.'}, "under 'model'"),
        ({'state_dict': 'teacher.backbone.'}, "begin with 'teacher.'"),
        ({'state_dict': ''}, 'init_cfg.checkpoint'),
        ({'state_dict': {'backbone.body.conv1.weight': torch.zeros(1)}}, 'torchvision_weights'),
        ({'net.0.weight': torch.zeros(1)}, 'another model'),
    ],
)
def test_hints(lesion_model, file, key):
    backbone = tensors_of(lesion_model.backbone)
    for name, prefix in file.items():
        if isinstance(prefix, str):
            file = {name: {f'{prefix}{n}': value for n, value in backbone.items()}}
    assert key in hint(file, lesion_model)


def test_percentages_do_not_round_to_all_or_nothing():
    shares = [percent(share) for share in (0, 0.0001, 0.5, 0.9999, 1)]
    assert shares == ['0 %', '1 %', '50 %', '99 %', '100 %']
