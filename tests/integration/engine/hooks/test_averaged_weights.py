"""Averaged weights (EMA): saved, tested, resumed and used as initial weights."""

import json

import pytest
import torch

from isic_mmdet.engine.checks.preflight import load_weights
from isic_mmdet.engine.hooks.finite_training_hook import FiniteTrainingHook
from isic_mmdet.engine.hooks.loaded_weights_hook import LoadedWeightsHook
from tests.support.squares import ShiftedSquares

REPORT = {'type': 'EvaluationReportHook'}
AVERAGES = {
    'EMA': {'type': 'EMAHook', 'momentum': 0.3, 'update_buffers': True, 'strict_load': True},
    'EMA, late': {'type': 'EMAHook', 'momentum': 0.3, 'begin_epoch': 2},
    'SWA': {'type': 'EMAHook', 'ema_type': 'StochasticWeightAverage'},
}


class Normed(ShiftedSquares):
    """The squares' model with batch norm, which remembers the weights it was tested with."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = torch.nn.BatchNorm1d(1)
        self.seen: list[float] = []

    def forward(self, inputs, data_samples, mode='tensor'):
        if mode == 'loss':
            self.norm(self.weight.detach() * torch.arange(4.0)[:, None])
        else:
            self.seen.append(self.weight.item())
        return super().forward(inputs, data_samples, mode)


@pytest.fixture(params=AVERAGES.values(), ids=AVERAGES.keys())
def average(request) -> dict:
    return request.param


@pytest.fixture
def train(make_runner, tmp_path):
    """Return a function that trains into a folder and returns the model."""

    def start(name: str, average: dict | None, epochs: int = 3, **settings) -> Normed:
        hooks = [REPORT] if average is None else [REPORT, average]
        runner = make_runner(
            hooks, epochs=epochs, work_dir=tmp_path / name, model=Normed(), **settings
        )
        runner.register_hook(LoadedWeightsHook())
        runner.register_hook(FiniteTrainingHook())
        runner.train()
        return runner.model

    return start


def checkpoint(path) -> dict:
    return torch.load(path, weights_only=True)


def test_a_checkpoint_is_tested_with_the_averaged_weights(make_runner, train, average, tmp_path):
    trained = train('work', average)
    path = tmp_path / 'work' / 'epoch_3.pth'
    saved = checkpoint(path)['state_dict']
    assert saved['weight'].item() != trained.weight.item()  # the average lags behind
    assert trained.seen[-1] == saved['weight'].item()  # validated with it, too

    tester = make_runner([REPORT, average], work_dir=tmp_path / 'tested', model=Normed())
    load_weights(tester, str(path))
    tester.test()
    assert set(tester.model.seen) == {saved['weight'].item()}
    report = json.loads((tmp_path / 'tested' / 'metrics.json').read_text())
    assert report['training']['averaged_weights'] is True


def test_a_resumed_training_ends_bit_for_bit_the_same(train, average, tmp_path):
    train('complete', average)
    train('part', average, load_from=str(tmp_path / 'complete/epoch_1.pth'), resume=True)
    complete, part = (checkpoint(tmp_path / name / 'epoch_3.pth') for name in ('complete', 'part'))
    for key in ('state_dict', 'ema_state_dict'):
        one, other = complete[key], part[key]
        assert one.keys() == other.keys()
        assert [name for name in one if not torch.equal(one[name], other[name])] == []


@pytest.mark.parametrize('with_average', [True, False])
def test_a_fine_tuning_starts_from_the_average(train, average, tmp_path, with_average):
    train('work', average)
    path = tmp_path / 'work' / 'epoch_3.pth'
    tuned = train(
        'tuned',
        average if with_average else None,
        epochs=2,
        load_from=str(path),
        optim_wrapper={'optimizer': {'type': 'SGD', 'lr': 0}},
    )
    assert tuned.weight.item() == checkpoint(path)['state_dict']['weight'].item()
    facts = checkpoint(tmp_path / 'tuned' / 'epoch_2.pth')['meta']['training']
    assert facts['averaged_weights'] is with_average
    assert facts['loaded'][0]['share'] == 1
