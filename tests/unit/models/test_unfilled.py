import torch
from torch import nn

from isic_mmdet.models.unfilled import Unfilled


def drawn() -> nn.Module:
    layers = [nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.Linear(8, 2), nn.ConvTranspose2d(2, 2, 2)]
    model = nn.Sequential(*layers)
    nn.init.xavier_uniform_(model[2].weight)
    nn.init.normal_(model[2].bias)
    return model


def test_no_random_number_is_drawn():
    torch.manual_seed(0)
    state = torch.get_rng_state()
    with Unfilled():
        model = drawn()
    assert torch.equal(torch.get_rng_state(), state)
    drawn()
    assert not torch.equal(torch.get_rng_state(), state)
    # What is no random number is as it always is.
    assert torch.equal(model[1].weight, torch.ones(8)) and not model[1].bias.any()


def test_loaded_weights_make_it_the_same_model():
    filled = drawn()
    with Unfilled():
        model = drawn()
    model.load_state_dict(filled.state_dict())
    for name, value in filled.state_dict().items():
        assert torch.equal(model.state_dict()[name], value)


def test_tensors_are_filled_afterwards():
    with Unfilled():
        assert not torch.zeros(4).normal_().any()
        assert not torch.zeros(4).uniform_(1, 2).any()
    assert torch.zeros(4).uniform_(1, 2).all()
