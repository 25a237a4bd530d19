"""Schedules of resumed runs, compared with runs that had the same settings from the start."""

import copy

import pytest
import torch
from mmengine.config import Config
from mmengine.optim import OptimWrapper
from mmengine.registry import PARAM_SCHEDULERS
from torch import nn
from torch.utils.data import BatchSampler, DataLoader, SequentialSampler

from isic_mmdet.engine.config.recorded_config import changes, settings_of
from isic_mmdet.engine.train.checkpoints import ITERATIONS
from isic_mmdet.engine.train.schedule import BATCH, EpochLength, ramp_at, rebuild_schedule
from isic_mmdet.errors import InputError

LENGTH = 10
WARM_UP = dict(type='LinearLR', start_factor=0.1, by_epoch=False, begin=0, end=5)
COSINE = dict(type='CosineAnnealingLR', eta_min=0, by_epoch=True, convert_to_iter_based=True)


class Training:
    """The parts of a runner that a schedule needs, and their steps."""

    def __init__(self, schedulers, epochs=4, length=LENGTH, lr=1.0, batch=8, **optimizer):
        self.cfg = Config(
            {
                'param_scheduler': schedulers,
                'train_cfg': {'max_epochs': epochs},
                'optim_wrapper': {'optimizer': {'lr': lr, **optimizer}},
            }
        )
        self.max_epochs, self.max_iters = epochs, epochs * length
        images = range(length * batch)
        sampler = BatchSampler(SequentialSampler(images), batch, drop_last=False)
        self.train_dataloader = DataLoader(images, batch_sampler=sampler)
        weights = [nn.Parameter(torch.zeros(1)), nn.Parameter(torch.zeros(1))]
        groups = [{'params': weights[:1]}, {'params': weights[1:], 'lr': lr / 10}]
        self.optim_wrapper = OptimWrapper(torch.optim.SGD(groups, lr=lr, **optimizer))
        self.param_schedulers = self.build_param_scheduler(copy.deepcopy(schedulers))

    def build_param_scheduler(self, schedulers):
        built = []
        for scheduler in schedulers:
            end = self.max_epochs if scheduler.get('by_epoch', True) else self.max_iters
            length = len(self.train_dataloader)
            defaults = dict(optimizer=self.optim_wrapper, epoch_length=length)
            built.append(PARAM_SCHEDULERS.build({'end': end, **scheduler}, default_args=defaults))
        return built

    def run(self, start: int, stop: int, info=None) -> list[float]:
        """Return the rate of every step."""
        rates = []
        for step in range(start, stop):
            added = ramp_at(info or {}, step) or [0.0]
            rates.append(self.optim_wrapper.param_groups[-1]['lr'] + added[-1])
            self.optim_wrapper.step()
            for scheduler in self.param_schedulers:
                if not scheduler.by_epoch or (step + 1) % len(self.train_dataloader) == 0:
                    scheduler.step()
        return rates

    def checkpoint(self, iteration: int, info=None) -> dict:
        length, batch = EpochLength.of(self)
        meta = {'epoch': iteration // length, 'iter': iteration, ITERATIONS: length, BATCH: batch}
        info = {**(info or {}), 'max_epochs': self.max_epochs, 'max_iters': self.max_iters}
        return copy.deepcopy(
            {
                'meta': meta,
                'message_hub': {'runtime_info': info, 'resumed_keys': {}},
                'optimizer': self.optim_wrapper.state_dict(),
                'param_schedulers': [each.state_dict() for each in self.param_schedulers],
                'settings': settings_of(self.cfg),
            }
        )

    def resume(self, checkpoint: dict):
        """Load a checkpoint as the runner does; return its messages and the lines for the log."""
        changed = list(changes(checkpoint['settings'], settings_of(self.cfg)))
        notes = rebuild_schedule(self, checkpoint, changed)
        self.optim_wrapper.load_state_dict(checkpoint['optimizer'])
        for scheduler, state in zip(
            self.param_schedulers, checkpoint['param_schedulers'], strict=True
        ):
            scheduler.load_state_dict(state)
        return checkpoint['message_hub']['runtime_info'], notes


def resumed(before: Training, at: int, now: Training, stop: int | None = None):
    """Return the last rate before a resumption, those after it, and the lines for the log."""
    rates = before.run(0, at)
    checkpoint = before.checkpoint(at)
    info, notes = now.resume(checkpoint)
    start = checkpoint['meta']['iter']
    return rates[-1], now.run(start, stop or now.max_iters, info), notes


def assert_close(found, expected) -> None:
    torch.testing.assert_close(torch.tensor(found), torch.tensor(expected), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(
    'schedulers',
    [
        [WARM_UP, COSINE],
        [COSINE],
        [dict(type='CosineAnnealingLR', eta_min_ratio=0.1, by_epoch=True)],
        [dict(type='PolyLR', power=0.9, by_epoch=False)],
        [dict(type='MultiStepLR', milestones=[1, 3], gamma=0.1)],
    ],
)
@pytest.mark.parametrize(('epochs', 'at', 'now'), [(4, 40, 8), (4, 20, 8), (8, 20, 4)])
def test_another_end_joins_the_schedule_of_a_run_with_that_end(schedulers, epochs, at, now):
    before = Training(schedulers, epochs)
    _, rates, notes = resumed(before, at, Training(schedulers, now))
    expected = schedulers
    if 'milestones' in schedulers[0]:
        scaled = [round(milestone * now / epochs) for milestone in schedulers[0]['milestones']]
        expected = [{**schedulers[0], 'milestones': scaled}]
    unbroken = Training(expected, now).run(0, now * LENGTH)
    assert_close(rates[LENGTH:], unbroken[at + LENGTH :])
    # Each step of one epoch covers a tenth of the difference to the new schedule.
    offset = before.optim_wrapper.param_groups[-1]['lr'] - unbroken[at]
    fading = [unbroken[at + k] + offset * (1 - (k + 1) / LENGTH) for k in range(LENGTH)]
    assert rates[:LENGTH] == pytest.approx(fading, abs=1e-5)
    assert 'max_epochs' in notes[0]


@pytest.mark.parametrize('key', ['end', 'T_max'])
def test_numbers_that_name_the_old_end_name_the_new_one(key):
    scheduler = dict(type='CosineAnnealingLR', by_epoch=False, begin=10, end=40, T_max=30)
    now = Training([scheduler], 8)
    _, rates, _ = resumed(Training([scheduler]), 20, now)
    assert now.param_schedulers[0].state_dict()[key] == {'end': 80, 'T_max': 70}[key]
    assert rates[-1] < 0.001


def test_a_second_resumption_counts_from_the_numbers_as_they_are_written():
    schedulers = [dict(type='MultiStepLR', milestones=[2, 3], by_epoch=True)]
    first, second, third = Training(schedulers), Training(schedulers, 8), Training(schedulers, 12)
    first.run(0, 40)
    checkpoint = first.checkpoint(40)
    second.resume(checkpoint)
    assert sorted(second.param_schedulers[0].milestones) == [4, 6]
    third.resume(second.checkpoint(40, checkpoint['message_hub']['runtime_info']))
    assert sorted(third.param_schedulers[0].milestones) == [6, 9]


def test_a_schedule_that_was_changed_is_taken_as_it_is():
    before = Training([dict(type='MultiStepLR', milestones=[2, 3])])
    now = Training([dict(type='MultiStepLR', milestones=[5, 6])], 8)
    resumed(before, 40, now, 41)
    assert sorted(now.param_schedulers[0].milestones) == [5, 6]


def test_a_changed_rate_acts_at_once_and_other_settings_too():
    before = Training([COSINE], momentum=0.9, weight_decay=0.1)
    now = Training([COSINE], lr=0.5, momentum=0.8, weight_decay=0.2)
    last, rates, _ = resumed(before, 20, now)
    assert_close(rates, Training([COSINE], lr=0.5).run(0, 40)[20:])
    assert rates[0] == pytest.approx(last / 2, rel=0.1)
    for group, rate in zip(now.optim_wrapper.optimizer.param_groups, (0.5, 0.05), strict=True):
        assert (group['momentum'], group['weight_decay']) == (0.8, 0.2)
        assert group['initial_lr'] == pytest.approx(rate)


@pytest.mark.parametrize('at', [20, 25])
def test_another_batch_size_and_another_end_together(at):
    # The rate is scaled with the batch size, as auto_scale_lr does.
    before = Training([WARM_UP, COSINE], 4, length=10, lr=1.0, batch=8)
    now = Training([WARM_UP, COSINE], 8, length=20, lr=0.5, batch=4)
    _, rates, notes = resumed(before, at, now)
    unbroken = Training([WARM_UP, COSINE], 8, length=20, lr=0.5, batch=4).run(0, 160)
    assert len(rates) == 160 - 2 * at  # the share of the epoch stays
    assert_close(rates[20:], unbroken[2 * at + 20 :])
    assert 'batch size 8 -> 4' in notes[0]


def test_nothing_changed_touches_nothing():
    before, now = Training([WARM_UP, COSINE]), Training([WARM_UP, COSINE])
    before.run(0, 20)
    checkpoint = before.checkpoint(20)
    expected = copy.deepcopy(checkpoint)
    changed = list(changes(checkpoint['settings'], settings_of(now.cfg)))
    assert rebuild_schedule(now, checkpoint, changed) == []
    assert checkpoint['message_hub'] == expected['message_hub']
    assert checkpoint['param_schedulers'] == expected['param_schedulers']
    assert checkpoint['optimizer']['param_groups'] == expected['optimizer']['param_groups']


def test_a_resumption_during_a_ramp_starts_from_the_used_rate():
    before, second = Training([COSINE]), Training([COSINE], 8)
    before.run(0, 40)
    checkpoint = before.checkpoint(40)
    info, _ = second.resume(checkpoint)
    used = second.run(40, 45, info)
    third = Training([COSINE], 12)
    info, _ = third.resume(second.checkpoint(45, info))
    assert third.run(45, 46, info)[0] == pytest.approx(used[-1], abs=0.1)


def test_a_schedule_that_would_begin_after_the_end_is_refused():
    scheduler = dict(type='CosineAnnealingLR', by_epoch=True, begin=3)
    before = Training([scheduler], 8)
    before.run(0, 10)
    now = Training([], 2)
    now.cfg.param_scheduler = [scheduler]
    changed = list(changes({'train_cfg': {'max_epochs': 8}}, {'train_cfg': {'max_epochs': 2}}))
    with pytest.raises(InputError, match=r'ends at 2.*begin'):
        rebuild_schedule(now, before.checkpoint(10), changed)
