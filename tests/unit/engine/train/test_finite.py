"""Checks for NaN and infinity."""

import pytest
import torch

from isic_mmdet.engine.train.finite import (
    NonFiniteError,
    non_finite,
    require_finite_gradients,
    require_finite_losses,
    wrapper_errors,
)

NAN, INFINITY = float('nan'), float('inf')


@pytest.mark.parametrize('value', [NAN, INFINITY, -INFINITY])
def test_losses_gradients_and_weights_that_are_not_finite_are_found(value):
    weight = torch.nn.Parameter(torch.ones(2))
    broken = torch.tensor([1.0, value])
    assert non_finite({'a': weight, 'b': broken, 'epoch': 3}) == ['b']
    with pytest.raises(NonFiniteError, match='loss_mask is'):
        require_finite_losses({'loss_cls': weight, 'loss_mask': broken})
    weight.grad = broken
    with pytest.raises(NonFiniteError, match='gradients'):
        require_finite_gradients([{'params': [torch.nn.Parameter(torch.ones(1)), weight]}])


def test_finite_numbers_pass():
    weight = torch.nn.Parameter(torch.ones(2))
    require_finite_losses({'loss': weight.sum()})
    require_finite_gradients([{'params': [weight]}])
    weight.grad = torch.ones(2)
    require_finite_gradients([{'params': [weight]}])
    assert non_finite({'weight': weight, 'steps': torch.tensor(1)}) == []


@pytest.mark.parametrize(('gpu', 'count'), [(False, 1), (True, 0)])
def test_automatic_mixed_precision_of_mmengine_needs_a_gpu(monkeypatch, gpu, count):
    monkeypatch.setattr('torch.cuda.is_available', lambda: gpu)
    assert len(wrapper_errors({'optim_wrapper': {'type': 'AmpOptimWrapper'}})) == count
    assert wrapper_errors({'optim_wrapper': {'type': 'OptimWrapper'}}) == []
    assert wrapper_errors({}) == []
