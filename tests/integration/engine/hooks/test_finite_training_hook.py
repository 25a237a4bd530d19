"""No NaN gets into weights, checkpoints or the choice of the best, with any wrapper and loop."""

from pathlib import Path

import pytest
import torch
from mmdet.registry import OPTIM_WRAPPERS
from mmengine.optim import OptimWrapper

from isic_mmdet.engine.hooks.finite_training_hook import (
    FiniteTrainingHook,
    NonFiniteError,
    wrapper_errors,
)
from isic_mmdet.errors import InputError
from tests.support.squares import ShiftedSquares

SGD = {'type': 'SGD', 'lr': 0.01}
ITERATIONS = {'type': 'IterBasedTrainLoop', 'max_iters': 6, 'val_interval': 6}
BEST = {'type': 'CheckpointHook', 'interval': 1, 'save_best': 'lesion/iou', 'rule': 'greater'}
REPORT = {'type': 'EvaluationReportHook'}


class Diverging(ShiftedSquares):
    """Diverges in its fourth step.

    Args:
        how: what is not finite: 'loss', 'part' (a loss with weight 0), 'constant' (a loss without
            a gradient), 'gradient' or 'buffer'.
    """

    def __init__(self, how: str = 'loss') -> None:
        super().__init__()
        self.how = how
        self.steps = 0
        self.register_buffer('running_var', torch.ones(1))

    def forward(self, inputs, data_samples, mode='tensor'):
        out = super().forward(inputs, data_samples, mode)
        if mode != 'loss':
            return out
        self.steps += 1
        if self.steps != 4:
            return out
        nan = torch.tensor(float('nan'))
        if self.how == 'loss':
            out['loss_mask'] = out['loss_mask'] * nan
        elif self.how == 'part':
            out['loss_iou'] = 0 * self.weight.sum() * torch.tensor(float('inf'))
        elif self.how == 'constant':
            out['loss_extra'] = [nan]
        elif self.how == 'gradient':
            out['loss_cls'] = torch.sqrt(self.weight - self.weight.detach()).sum()
        else:
            self.running_var *= nan
        return out


@OPTIM_WRAPPERS.register_module()
class SkippingWrapper(OptimWrapper):
    """Skips every step, as a gradient scaler does if all gradients overflow."""

    def step(self, **kwargs):
        pass


@pytest.fixture
def diverge(make_runner):
    """Return a function that trains a diverging model, and returns the runner and the error."""

    def train(how='loss', wrapper=None, expected=NonFiniteError, hooks=(REPORT,), **settings):
        defaults = {'default_hooks': {'checkpoint': BEST}, 'epochs': 3, 'model': Diverging(how)}
        settings = defaults | settings
        wrapper = {'optimizer': SGD, **(wrapper or {})}
        runner = make_runner(list(hooks), optim_wrapper=wrapper, **settings)
        runner.register_hook(FiniteTrainingHook())
        with pytest.raises(expected) as error:
            runner.train()
        return runner, str(error.value)

    return train


def assert_all_finite(runner) -> None:
    assert torch.isfinite(runner.model.weight).all()
    for path in Path(runner.work_dir).glob('*.pth'):
        for value in torch.load(path, weights_only=True)['state_dict'].values():
            assert torch.isfinite(value).all(), path


@pytest.mark.parametrize(
    ('how', 'wrapper', 'settings'),
    [
        *((how, {}, {}) for how in ('loss', 'part', 'constant', 'gradient')),
        *(
            (how, {}, {'train_cfg': ITERATIONS, 'default_hooks': {}})
            for how in ('loss', 'gradient')
        ),
        *((how, {'accumulative_counts': 2}, {}) for how in ('loss', 'gradient')),
        ('gradient', {'clip_grad': {'max_norm': 1}}, {}),
    ],
)
def test_a_step_that_is_not_finite_changes_nothing(diverge, how, wrapper, settings):
    runner, message = diverge(how, wrapper, **settings)
    assert 'learning rate' in message
    assert ('gradients' if how == 'gradient' else 'loss') in message
    assert how != 'part' or 'loss_iou is nan' in message
    assert_all_finite(runner)


@pytest.mark.parametrize('hooks', [[], [{'type': 'EMAHook', 'update_buffers': True}]])
def test_broken_statistics_are_neither_validated_nor_saved(diverge, hooks):
    runner, message = diverge('buffer', expected=InputError, hooks=[REPORT, *hooks])
    assert 'neither validated nor saved' in message
    assert 'running_var' in message
    assert_all_finite(runner)
    names = {path.name for path in Path(runner.work_dir).glob('*.pth')}
    assert names == {'epoch_1.pth', 'best_lesion_iou_epoch_1.pth'}


@pytest.mark.parametrize('by_epoch', [True, False])
def test_no_older_checkpoint_is_removed_for_a_broken_one(diverge, by_epoch):
    settings = {'default_hooks': {'checkpoint': {**BEST, 'max_keep_ckpts': 1}}}
    if not by_epoch:
        hook = {'type': 'CheckpointHook', 'by_epoch': False, 'interval': 2, 'max_keep_ckpts': 1}
        settings = {'default_hooks': {'checkpoint': hook}, 'train_cfg': ITERATIONS, 'hooks': []}
    runner, _ = diverge('buffer', expected=InputError, **settings)
    assert (Path(runner.work_dir) / ('epoch_1.pth' if by_epoch else 'iter_2.pth')).is_file()
    assert_all_finite(runner)


def test_steps_that_are_always_skipped_end_the_training(diverge):
    model = ShiftedSquares()
    _, message = diverge(wrapper={'type': 'SkippingWrapper'}, model=model, epochs=20)
    assert 'overflowed in 31 iterations' in message


@pytest.mark.parametrize('name', ['lesion/iuo', 'melanoma/auc'])
def test_a_best_score_that_is_not_finite_is_refused(diverge, name):
    hooks = {'checkpoint': {**BEST, 'save_best': name}}
    _, message = diverge(model=ShiftedSquares(), default_hooks=hooks, expected=InputError)
    assert name in message
    assert 'lesion/iou' in message


def test_a_finite_training_is_not_changed(make_runner):
    plain, checked = (make_runner([REPORT], epochs=2) for _ in range(2))
    checked.register_hook(FiniteTrainingHook())
    plain.train()
    checked.train()
    assert torch.equal(plain.model.weight, checked.model.weight)


@pytest.mark.parametrize(('gpu', 'count'), [(False, 1), (True, 0)])
def test_automatic_mixed_precision_of_mmengine_needs_a_gpu(monkeypatch, gpu, count):
    monkeypatch.setattr('torch.cuda.is_available', lambda: gpu)
    assert len(wrapper_errors({'optim_wrapper': {'type': 'AmpOptimWrapper'}})) == count
    assert wrapper_errors({'optim_wrapper': {'type': 'OptimWrapper'}}) == []


def test_a_compiled_step_cannot_add_up_the_gradients_of_batches():
    cfg = {'model': {'compiled': True}, 'optim_wrapper': {'accumulative_counts': 2}}
    (error,) = wrapper_errors(cfg)
    assert 'accumulative_counts=2 with model.compiled=True' in error
    assert wrapper_errors({**cfg, 'model': {}}) == []
    assert wrapper_errors({**cfg, 'optim_wrapper': {'accumulative_counts': 1}}) == []
