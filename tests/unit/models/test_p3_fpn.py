import pytest
import torch
from mmdet.registry import MODELS

import isic_mmdet.register  # noqa: F401
from isic_mmdet.models.p3_fpn import P3FPN

CHANNELS = [8, 16, 32, 64]
FPN = MODELS.get('FPN')


@pytest.fixture
def maps() -> list[torch.Tensor]:
    torch.manual_seed(0)
    sides = (32, 16, 8, 4)
    return [torch.randn(2, c, side, side) for c, side in zip(CHANNELS, sides, strict=True)]


@pytest.fixture
def whole() -> torch.nn.Module:
    torch.manual_seed(1)
    neck = FPN(in_channels=CHANNELS, out_channels=16, num_outs=5)
    neck.init_weights()
    return neck


@pytest.fixture
def coarse() -> P3FPN:
    return P3FPN(in_channels=CHANNELS, out_channels=16, num_outs=4)


def test_with_the_weights_of_a_whole_pyramid_its_maps_are_the_same(whole, coarse, maps):
    coarse.load_state_dict(whole.state_dict())
    for expected, got in zip(whole(maps)[1:], coarse(maps), strict=True):
        torch.testing.assert_close(got, expected)


def test_stages_of_the_backbone_are_handed_on(coarse, maps):
    with_stages = P3FPN(in_channels=CHANNELS, out_channels=16, num_outs=4, stages=(1, 2))
    with_stages.load_state_dict(coarse.state_dict())
    outputs = with_stages(maps)
    assert len(outputs) == 6 and outputs[4] is maps[1] and outputs[5] is maps[2]
    for expected, got in zip(coarse(maps), outputs[:4], strict=True):
        assert torch.equal(got, expected)


def test_its_own_weights_come_back(coarse, maps):
    again = P3FPN(in_channels=CHANNELS, out_channels=16, num_outs=4)
    again.load_state_dict(coarse.state_dict())
    for expected, got in zip(coarse(maps), again(maps), strict=True):
        assert torch.equal(got, expected)


def test_the_weights_of_a_whole_detector_load_into_it(whole, coarse):
    holder = torch.nn.ModuleDict({'neck': coarse})
    given = {f'neck.{name}': value for name, value in whole.state_dict().items()}
    holder.load_state_dict(given)
    assert 'neck.lateral_convs.0.conv.weight' in given  # the caller's own dict stays whole


def test_other_weights_are_still_refused(coarse):
    other = FPN(in_channels=[8, 16, 32, 128], out_channels=16, num_outs=5)
    with pytest.raises(RuntimeError, match='size mismatch'):
        coarse.load_state_dict(other.state_dict())
