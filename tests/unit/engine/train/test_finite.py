"""No infinity and no NaN gets into the weights."""

import pytest
import torch

from isic_mmdet.engine.train.finite import (
    NonFiniteError,
    NonFiniteGuardOptimWrapper,
    wrapper_errors,
)


@pytest.fixture
def weight() -> torch.nn.Parameter:
    return torch.nn.Parameter(torch.tensor([1.0, 4.0]))


@pytest.mark.parametrize('clip', [None, {'max_norm': 1.0}])
def test_a_finite_step_is_that_of_the_optimizer(weight, clip):
    wrapper = NonFiniteGuardOptimWrapper(torch.optim.SGD([weight], lr=0.5), clip_grad=clip)
    wrapper.update_params((weight**2).sum() / 20)
    scale = 1.0  # the norm of (0.1, 0.4) is below 1
    assert weight.tolist() == pytest.approx([1 - 0.05 * scale, 4 - 0.2 * scale])


@pytest.mark.parametrize('factor', [float('nan'), float('inf')])
def test_a_loss_that_is_no_number_changes_nothing(weight, factor):
    wrapper = NonFiniteGuardOptimWrapper(torch.optim.SGD([weight], lr=0.5))
    with pytest.raises(NonFiniteError, match='the loss is'):
        wrapper.update_params(weight.sum() * factor)
    assert weight.tolist() == [1, 4]


def test_a_gradient_that_is_no_number_changes_nothing(weight):
    wrapper = NonFiniteGuardOptimWrapper(
        torch.optim.SGD([weight], lr=0.5), clip_grad={'max_norm': 1.0}
    )
    # The square root of 0 is finite, its gradient is not.
    with pytest.raises(NonFiniteError, match='gradients'):
        wrapper.update_params(torch.sqrt(weight - weight.detach()).sum())
    assert weight.tolist() == [1, 4]


@pytest.mark.parametrize(('gpu', 'faults'), [(False, 1), (True, 0)])
def test_automatic_mixed_precision_of_mmengine_needs_a_gpu(monkeypatch, gpu, faults):
    monkeypatch.setattr('torch.cuda.is_available', lambda: gpu)
    assert len(wrapper_errors({'optim_wrapper': {'type': 'AmpOptimWrapper'}})) == faults
    assert wrapper_errors({'optim_wrapper': {'type': 'NonFiniteGuardOptimWrapper'}}) == []
    assert wrapper_errors({}) == []
