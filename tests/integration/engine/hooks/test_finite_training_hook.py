"""Whatever trains, no NaN gets into weights, checkpoints or the choice of the best."""

from pathlib import Path

import pytest
import torch
from mmdet.registry import OPTIM_WRAPPERS
from mmengine.optim import OptimWrapper

from isic_mmdet.engine.hooks.finite_training_hook import FiniteTrainingHook
from isic_mmdet.engine.train.finite import NonFiniteError
from isic_mmdet.errors import InputError
from tests.support.squares import ShiftedSquares

SGD = {'type': 'SGD', 'lr': 0.01}
ITERATIONS = {'type': 'IterBasedTrainLoop', 'max_iters': 6, 'val_interval': 6}
BEST = {'type': 'CheckpointHook', 'interval': 1, 'save_best': 'lesion/iou', 'rule': 'greater'}


class Diverging(ShiftedSquares):
    """Goes wrong in its fourth step, in one of several ways.

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
    """Leaves every step out, as a gradient scaler does when all gradients overflow."""

    def step(self, **kwargs):
        pass


@pytest.fixture
def diverge(make_runner):
    """Return a function that trains a diverging model, and returns the runner and the error."""

    def train(how='loss', optim_wrapper=None, train_cfg=None, expected=NonFiniteError, **settings):
        if train_cfg:
            settings['train_cfg'] = train_cfg
        hooks = settings.pop('default_hooks', {'checkpoint': BEST})
        runner = make_runner(
            settings.pop('hooks', [{'type': 'EvaluationReportHook'}]),
            epochs=settings.pop('epochs', 3),
            model=settings.pop('model', None) or Diverging(how),
            optim_wrapper={'optimizer': SGD, **(optim_wrapper or {})},
            default_hooks=hooks,
            **settings,
        )
        runner.register_hook(FiniteTrainingHook())
        with pytest.raises(expected) as error:
            runner.train()
        return runner, str(error.value)

    return train


def assert_all_finite(runner) -> None:
    model = runner.model
    assert torch.isfinite(model.weight).all()
    for path in Path(runner.work_dir).glob('*.pth'):
        for value in torch.load(path, weights_only=True)['state_dict'].values():
            assert torch.isfinite(value).all(), path


PLAIN = {'type': 'OptimWrapper'}


@pytest.mark.parametrize(
    ('how', 'optim_wrapper', 'train_cfg'),
    [
        *((how, PLAIN, None) for how in ('loss', 'part', 'constant', 'gradient')),
        *((how, PLAIN, ITERATIONS) for how in ('loss', 'gradient')),
        *((how, {**PLAIN, 'accumulative_counts': 2}, None) for how in ('loss', 'gradient')),
        ('gradient', {**PLAIN, 'clip_grad': {'max_norm': 1}}, None),
        ('loss', {'type': 'NonFiniteGuardOptimWrapper'}, ITERATIONS),
        ('gradient', {'type': 'NonFiniteGuardOptimWrapper'}, None),
    ],
)
def test_a_step_that_is_no_number_changes_nothing(diverge, how, optim_wrapper, train_cfg):
    hooks = {'checkpoint': BEST} if train_cfg is None else {}
    runner, message = diverge(how, optim_wrapper, train_cfg, default_hooks=hooks)
    assert 'learning rate' in message
    assert_all_finite(runner)
    assert ('gradients' if how == 'gradient' else 'loss') in message
    if how == 'part':
        assert 'loss_iou is nan' in message


@pytest.mark.parametrize('hooks', [[], [{'type': 'EMAHook', 'update_buffers': True}]])
def test_broken_statistics_are_neither_validated_nor_saved(diverge, hooks):
    hooks = [{'type': 'EvaluationReportHook'}, *hooks]
    runner, message = diverge('buffer', expected=InputError, hooks=hooks)
    assert 'neither validated nor saved' in message
    assert 'running_var' in message
    assert_all_finite(runner)
    # The only whole epoch before it; a broken model that finds nothing would score 0.
    names = {path.name for path in Path(runner.work_dir).glob('*.pth')}
    assert names == {'epoch_1.pth', 'best_lesion_iou_epoch_1.pth'}


def test_no_older_checkpoint_is_removed_for_a_broken_one(diverge):
    keep_one = {'checkpoint': {**BEST, 'max_keep_ckpts': 1}}
    runner, _ = diverge('buffer', expected=InputError, default_hooks=keep_one)
    assert (Path(runner.work_dir) / 'epoch_1.pth').is_file()
    by_iteration = {
        'checkpoint': {'type': 'CheckpointHook', 'by_epoch': False, 'interval': 2}
        | {'max_keep_ckpts': 1}
    }
    runner, _ = diverge(
        'buffer', None, ITERATIONS, InputError, default_hooks=by_iteration, hooks=[]
    )
    assert (Path(runner.work_dir) / 'iter_2.pth').is_file()
    assert_all_finite(runner)


def test_steps_that_are_always_skipped_end_the_training(diverge):
    _, message = diverge(
        model=ShiftedSquares(), optim_wrapper={'type': 'SkippingWrapper'}, epochs=20
    )
    assert 'overflowed in 31 iterations' in message


@pytest.mark.parametrize('name', ['lesion/iuo', 'melanoma/auc'])
def test_a_best_score_that_is_no_number_is_refused(diverge, name):
    hooks = {'checkpoint': {**BEST, 'save_best': name}}
    _, message = diverge(model=ShiftedSquares(), default_hooks=hooks, expected=InputError)
    assert name in message
    assert 'lesion/iou' in message


def test_a_sound_training_is_not_disturbed(make_runner):
    weights = []
    for hooks in ([], [FiniteTrainingHook()]):
        runner = make_runner([{'type': 'EvaluationReportHook'}], epochs=2)
        for hook in hooks:
            runner.register_hook(hook)
        runner.train()
        weights.append(runner.model.weight.detach().clone())
    assert torch.equal(*weights)
