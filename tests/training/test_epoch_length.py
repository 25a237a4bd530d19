"""Checkpoints that are gone on from by another number of processes."""

import copy
from collections import Counter

import pytest
import torch
from mmengine.optim import OptimWrapper
from mmengine.optim.scheduler import CosineAnnealingLR, LinearLR, MultiStepLR
from torch import nn

from isic_mmdet.training.epoch_length import EpochLength, count_anew

BEFORE = EpochLength(iterations=10, batch=8)
HALF = EpochLength(iterations=20, batch=4)
EPOCHS = 6


def training(length: EpochLength, rate: float):
    """Return an optimiser and its schedules, for a rate that belongs to eight images."""
    parameter = nn.Parameter(torch.zeros(1))
    parameter.grad = torch.zeros(1)
    optimizer = torch.optim.SGD([parameter], lr=rate * length.batch / 8)
    steps = length.iterations
    schedules = [
        LinearLR(optimizer, start_factor=0.1, by_epoch=False, begin=0, end=steps),
        CosineAnnealingLR(
            optimizer, T_max=EPOCHS * steps, by_epoch=False, begin=0, end=EPOCHS * steps
        ),
        MultiStepLR(optimizer, milestones=[3 * steps], gamma=0.5, by_epoch=False),
    ]
    return OptimWrapper(optimizer), schedules


def run(wrapper, schedules, steps: int) -> list[float]:
    rates = []
    for _ in range(steps):
        rates.append(wrapper.param_groups[0]['lr'])
        wrapper.step()
        for schedule in schedules:
            schedule.step()
    return rates


def saved(wrapper, schedules, length: EpochLength, epoch: int, iteration: int) -> dict:
    meta = {'epoch': epoch, 'iter': iteration}
    length.note(meta)
    states = [schedule.state_dict() for schedule in schedules]
    checkpoint = {'meta': meta, 'optimizer': wrapper.state_dict(), 'param_schedulers': states}
    return copy.deepcopy(checkpoint)


@pytest.mark.parametrize('epochs', [2, 4])
def test_schedules_go_on_as_if_it_had_always_been_so(epochs):
    wrapper, schedules = training(BEFORE, 0.8)
    run(wrapper, schedules, epochs * BEFORE.iterations)
    checkpoint = saved(wrapper, schedules, BEFORE, epochs, epochs * BEFORE.iterations)
    assert count_anew(checkpoint, HALF, scale_rate=True)
    assert checkpoint['meta']['iter'] == epochs * HALF.iterations

    wrapper, schedules = training(HALF, 0.8)
    wrapper.load_state_dict(checkpoint['optimizer'])
    for schedule, state in zip(schedules, checkpoint['param_schedulers'], strict=True):
        schedule.load_state_dict(state)
    found = run(wrapper, schedules, (EPOCHS - epochs) * HALF.iterations)

    wrapper, schedules = training(HALF, 0.8)
    expected = run(wrapper, schedules, EPOCHS * HALF.iterations)[epochs * HALF.iterations :]
    torch.testing.assert_close(torch.tensor(found), torch.tensor(expected), rtol=1e-4, atol=1e-7)


def test_the_middle_of_an_epoch_stays_the_middle():
    checkpoint = saved(*training(BEFORE, 0.8), BEFORE, epoch=3, iteration=35)
    assert count_anew(checkpoint, HALF, scale_rate=False)
    assert checkpoint['meta']['iter'] == 70
    assert checkpoint['optimizer']['param_groups'][0]['initial_lr'] == 0.8
    assert checkpoint['param_schedulers'][2]['milestones'] == Counter({60: 1})
    assert checkpoint['param_schedulers'][2]['end'] == int(1e9)


def test_the_same_length_changes_nothing():
    checkpoint = saved(*training(BEFORE, 0.8), BEFORE, epoch=3, iteration=35)
    before = copy.deepcopy(checkpoint)
    assert not count_anew(checkpoint, BEFORE, scale_rate=True)
    assert checkpoint == before
