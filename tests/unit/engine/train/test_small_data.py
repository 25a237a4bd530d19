"""Warm-ups and logs that fit a small data set."""

from types import SimpleNamespace

import pytest
import torch
from mmengine.config import Config
from mmengine.hooks import LoggerHook
from mmengine.optim.scheduler import ConstantLR, CosineAnnealingLR, LinearLR

from isic_mmdet.engine.train.small_data import adapt, warn_of_validation

KINDS = {'LinearLR': LinearLR, 'ConstantLR': ConstantLR, 'CosineAnnealingLR': CosineAnnealingLR}


class Runner(SimpleNamespace):
    """The adapted parts of a Runner whose schedules are not built yet."""

    def __init__(self, *schedules: dict, interval: int = 20, window: int = 20) -> None:
        settings = {
            'param_scheduler': list(schedules),
            'default_hooks': {'logger': {'interval': interval}},
            'log_processor': {'window_size': window},
        }
        self.messages: list[str] = []
        super().__init__(
            cfg=Config(settings),
            param_schedulers=[dict(schedule) for schedule in schedules],
            hooks=[LoggerHook(interval=interval)],
            log_processor=SimpleNamespace(window_size=window),
            logger=SimpleNamespace(warning=self.messages.append),
            visualizer=SimpleNamespace(_vis_backends={}),
            written=0,
        )

    def dump_config(self) -> None:
        self.written += 1


def rates(schedules: list[dict], epoch: int, total: int) -> list[float]:
    """The learning rate of every step, by mmengine's own schedules."""
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([parameter], lr=1.0)
    built = []
    for schedule in schedules:
        settings = dict(schedule)
        kind, converted = settings.pop('type'), settings.pop('convert_to_iter_based', False)
        settings.setdefault('end', total // epoch if settings.get('by_epoch', True) else total)
        make = KINDS[kind].build_iter_from_epoch if converted else KINDS[kind]
        length = {'epoch_length': epoch} if converted else {}
        built.append(make(optimizer, **settings, **length))
    found = []
    for step in range(1, total + 1):
        found.append(optimizer.param_groups[0]['lr'])
        optimizer.step()
        for schedule in built:
            if not schedule.by_epoch or step % epoch == 0:
                schedule.step()
    return found


@pytest.mark.parametrize(
    ('warm_up', 'epoch', 'total', 'full_at'),
    [
        (dict(type='LinearLR', start_factor=0.001, by_epoch=False, end=500), 4, 40, 3),
        (dict(type='LinearLR', by_epoch=False, begin=0, end=2), 4, 40, 1),  # unchanged
        (dict(type='LinearLR', by_epoch=False, begin=0, end=50), 4, 12, 0),  # less than two steps
        (dict(type='LinearLR', by_epoch=True, end=3, convert_to_iter_based=True), 5, 50, 4),
        (dict(type='LinearLR', by_epoch=True, end=1), 5, 200, 4),  # never full with mmengine
        (dict(type='LinearLR', by_epoch=False, end=1), 5, 200, 0),  # never full with mmengine
        (dict(type='ConstantLR', by_epoch=False, end=100), 5, 200, 19),
    ],
)
def test_the_full_rate_is_reached_after_a_tenth_at_most(warm_up, epoch, total, full_at):
    runner = Runner(warm_up)
    adapt(runner, epoch, total)
    found = rates(runner.param_schedulers, epoch, total)
    assert found[full_at:] == pytest.approx([1.0] * (total - full_at), rel=1e-6)
    assert full_at == 0 or found[full_at - 1] < 0.99
    assert runner.cfg.param_scheduler == runner.param_schedulers  # as config.py will have it


@pytest.mark.parametrize('begins_with_it', [True, False])
def test_the_schedule_after_a_warm_up_still_ends_with_the_training(begins_with_it):
    warm_up = dict(type='LinearLR', by_epoch=False, begin=0, end=50)
    cosine = dict(type='CosineAnnealingLR', by_epoch=False, begin=50, end=100, eta_min=0)
    if begins_with_it:
        cosine['T_max'] = 50
    runner = Runner(warm_up, cosine)
    adapt(runner, 10, 100)
    found = rates(runner.param_schedulers, 10, 100)
    assert max(found) == found[9] == pytest.approx(1.0)
    assert found[9:] == sorted(found[9:], reverse=True)
    assert found[-1] < 0.001


def test_losses_are_logged_every_epoch_as_means():
    runner = Runner(interval=20, window=50)
    adapt(runner, 7, 70)
    assert (runner.hooks[0].interval, runner.log_processor.window_size) == (7, 7)
    assert runner.cfg.default_hooks.logger.interval == runner.cfg.log_processor.window_size == 7
    assert runner.written == 1
    (message,) = runner.messages
    assert '7 iterations' in message
    assert 'log_processor.window_size=7' in message


def test_settings_that_fit_or_are_kept_stay():
    warm_up = dict(type='LinearLR', by_epoch=False, begin=0, end=50)
    fitting = Runner(warm_up)
    adapt(fitting, 20, 500)
    given = Runner(warm_up)
    kept = ['param_scheduler.0.end', 'default_hooks.logger', 'log_processor.window_size']
    adapt(given, 5, 50, kept)
    for runner in (fitting, given):
        assert runner.param_schedulers == [warm_up]
        assert (runner.written, runner.messages) == (0, [])


def validated(images: int | None, val_begin: int = 1) -> list[str]:
    """What is logged of a training of three epochs."""
    messages: list[str] = []
    loader = SimpleNamespace(dataset=range(images or 0))
    runner = SimpleNamespace(
        train_loop=SimpleNamespace(val_begin=val_begin, max_epochs=3),
        val_loop=None if images is None else SimpleNamespace(dataloader=loader),
        logger=SimpleNamespace(warning=messages.append),
    )
    warn_of_validation(runner)
    return messages


def test_a_coarse_score_or_none_is_reported():
    assert validated(100) == []
    (coarse,) = validated(3)
    assert '0.33' in coarse
    for messages in (validated(None), validated(100, val_begin=4)):
        assert 'no validation' in messages[0]
        assert 'best checkpoint' in messages[0]
