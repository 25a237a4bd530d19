import hashlib
import re

import pytest
import torch
from mmdet.registry import MODELS
from mmengine.config import Config
from mmengine.runner import load_checkpoint
from torch import Tensor
from torchvision.models.detection import maskrcnn_resnet50_fpn

import isic_mmdet.register  # noqa: F401
from isic_mmdet.errors import InputError
from isic_mmdet.models.torchvision.weights import convert_file, convert_torchvision


def random_weights(classes: int) -> dict[str, Tensor]:
    """Return weights as of the COCO file: a frozen batch norm has no `num_batches_tracked`."""
    torch.manual_seed(0)
    model = maskrcnn_resnet50_fpn(weights=None, weights_backbone=None, num_classes=classes)
    return {key: value for key, value in model.state_dict().items() if 'tracked' not in key}


@pytest.fixture(scope='module')
def state() -> dict[str, Tensor]:
    return random_weights(3)


def old_names(state_dict: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return a state dict by the names of the published COCO file."""
    renamed = {}
    for name, value in state_dict.items():
        name = re.sub(r'(_blocks\.\d)\.0\.', r'\1.', name)
        name = name.replace('rpn.head.conv.0.0.', 'rpn.head.conv.')
        layer = re.search(r'mask_head\.(\d)\.0\.', name)
        if layer:
            name = name.replace(layer[0], f'mask_head.mask_fcn{int(layer[1]) + 1}.')
        renamed[name] = value
    return renamed


def test_old_names_mean_the_same(state):
    old = old_names(state)
    assert {
        'backbone.fpn.inner_blocks.0.weight',
        'backbone.fpn.layer_blocks.3.bias',
        'rpn.head.conv.weight',
        'roi_heads.mask_head.mask_fcn1.weight',
        'roi_heads.mask_head.mask_fcn4.bias',
    } <= old.keys()
    expected, found = convert_torchvision(state), convert_torchvision(old)
    assert found.keys() == expected.keys()
    assert all(torch.equal(value, expected[name]) for name, value in found.items())


def test_names_and_background(state):
    found = convert_torchvision(state)
    scores = state['roi_heads.box_predictor.cls_score.bias']
    assert found['roi_head.bbox_head.fc_cls.bias'].tolist() == scores[[1, 2, 0]].tolist()
    deltas = state['roi_heads.box_predictor.bbox_pred.bias']
    assert found['roi_head.bbox_head.fc_reg.bias'].tolist() == deltas[4:].tolist()
    masks = state['roi_heads.mask_predictor.mask_fcn_logits.bias']
    assert found['roi_head.mask_head.conv_logits.bias'].tolist() == masks[1:].tolist()
    assert found['backbone.bn1.num_batches_tracked'] == 0
    names = ('weight', 'running_var')
    weight, variance = (state[f'backbone.body.bn1.{name}'].double() for name in names)
    mine = found['backbone.bn1.weight'] / (found['backbone.bn1.running_var'] + 1e-5).sqrt()
    torch.testing.assert_close(mine.double(), weight / variance.sqrt(), rtol=1e-5, atol=0)


def test_all_problems_are_listed_at_once(state):
    state = dict(state)
    del state['rpn.head.bbox_pred.bias'], state['backbone.body.layer4.2.bn3.weight']
    state['backbone.body.layer5.weight'] = torch.zeros(1)
    state['roi_heads.box_head.fc7.bias'] = torch.zeros(5)
    with pytest.raises(InputError) as caught:
        convert_torchvision(state)
    missing, unknown, shape = caught.value.errors
    assert 'rpn.head.bbox_pred.bias' in missing and 'layer4.2.bn3.weight' in missing
    assert 'backbone.body.layer5.weight' in unknown
    assert 'roi_heads.box_head.fc7.bias' in shape and '[5]' in shape and '[1024]' in shape


@pytest.mark.parametrize('wrong', [[1, 2], {1: torch.zeros(1)}, {'state_dict': {}, 'meta': {}}])
def test_something_else_is_refused(wrong):
    with pytest.raises(InputError, match=r'state dict|not the weights'):
        convert_torchvision(wrong)


def test_coco_weights_fit_except_for_the_last_layers(root, tmp_path):
    """Convert 91 classes under the old names, as published, and load them into two classes."""
    source, out = tmp_path / 'coco.pth', tmp_path / 'new' / 'converted.pth'
    # The published file has the format of older releases, too.
    torch.save(old_names(random_weights(91)), source, _use_new_zipfile_serialization=False)

    assert convert_file(source, out) == 90
    assert [path.name for path in out.parent.iterdir()] == ['converted.pth']
    checkpoint = torch.load(out, weights_only=True)
    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    assert checkpoint['meta'] == {'source': 'coco.pth', 'source_sha256': digest}

    weights = checkpoint['state_dict']
    assert weights['roi_head.bbox_head.fc_cls.weight'].shape == (91, 1024)
    assert weights['roi_head.bbox_head.fc_reg.weight'].shape == (360, 1024)
    assert weights['roi_head.mask_head.conv_logits.weight'].shape == (90, 256, 1, 1)

    cfg = Config.fromfile(root / 'configs/_base_/models/mask-rcnn_r50_fpn_torchvision.py')
    model = MODELS.build(cfg.model)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    load_checkpoint(model, str(out), map_location='cpu')
    after = model.state_dict()
    assert after.keys() == weights.keys()
    skipped = {name for name, value in after.items() if not torch.equal(value, weights[name])}
    assert skipped == {
        f'roi_head.{layer}.{kind}'
        for layer in ('bbox_head.fc_cls', 'bbox_head.fc_reg', 'mask_head.conv_logits')
        for kind in ('weight', 'bias')
    }
    assert all(torch.equal(after[name], before[name]) for name in skipped)


def test_errors_name_the_file(tmp_path, state):
    absent = tmp_path / 'absent.pth'
    with pytest.raises(InputError, match=r'absent\.pth: no such file; get it from https'):
        convert_file(absent, tmp_path / 'out.pth')

    other = tmp_path / 'other.pth'
    torch.save({'weight': torch.zeros(1)}, other)
    with pytest.raises(InputError, match=r'other\.pth: these are not the weights'):
        convert_file(other, tmp_path / 'out.pth')
    with pytest.raises(InputError, match='the file to convert'):
        convert_file(other, tmp_path / 'folder' / '..' / 'other.pth')

    good, folder = tmp_path / 'good.pth', tmp_path / 'folder'
    torch.save(state, good)
    folder.mkdir()
    with pytest.raises(InputError, match='folder cannot be written'):
        convert_file(good, folder)
