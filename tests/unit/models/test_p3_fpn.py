import pytest
import torch
from mmdet.registry import MODELS

import isic_mmdet.register  # noqa: F401
from isic_mmdet.models.p3_fpn import P3FPN

CHANNELS = [8, 16, 32, 64]
FPN = MODELS.get('FPN')


def p3_fpn(**settings) -> P3FPN:
    return P3FPN(in_channels=CHANNELS, out_channels=16, num_outs=4, **settings)


@pytest.fixture
def maps() -> list[torch.Tensor]:
    torch.manual_seed(0)
    sides = (32, 16, 8, 4)
    return [torch.randn(2, c, side, side) for c, side in zip(CHANNELS, sides, strict=True)]


@pytest.fixture
def fpn() -> torch.nn.Module:
    torch.manual_seed(1)
    neck = FPN(in_channels=CHANNELS, out_channels=16, num_outs=5)
    neck.init_weights()
    return neck


def test_weights_of_an_fpn_give_the_same_maps(fpn, maps):
    neck = p3_fpn()
    neck.load_state_dict(fpn.state_dict())
    for expected, got in zip(fpn(maps)[1:], neck(maps), strict=True):
        torch.testing.assert_close(got, expected)


def test_own_weights_load_and_passthrough_levels_are_appended(maps):
    plain, neck = p3_fpn(), p3_fpn(passthrough_levels=(1, 2))
    neck.load_state_dict(plain.state_dict())
    outputs = neck(maps)
    assert len(outputs) == 6 and outputs[4] is maps[1] and outputs[5] is maps[2]
    for expected, got in zip(plain(maps), outputs[:4], strict=True):
        assert torch.equal(got, expected)


def test_weights_of_a_detector_load_and_stay_unchanged(fpn):
    holder = torch.nn.ModuleDict({'neck': p3_fpn()})
    given = {f'neck.{name}': value for name, value in fpn.state_dict().items()}
    holder.load_state_dict(given)
    assert 'neck.lateral_convs.0.conv.weight' in given


def test_other_weights_are_refused():
    other = FPN(in_channels=[8, 16, 32, 128], out_channels=16, num_outs=5)
    with pytest.raises(RuntimeError, match='size mismatch'):
        p3_fpn().load_state_dict(other.state_dict())
