"""Checks for NaN and infinity; `test_finite_training_hook` has those of losses and gradients."""

import pytest
import torch

from isic_mmdet.engine.train.finite import non_finite, wrapper_errors


@pytest.mark.parametrize('value', [float('nan'), float('inf'), -float('inf')])
def test_weights_that_are_not_finite_are_named(value):
    state = {'a': torch.ones(2), 'b': torch.tensor([1.0, value]), 'n': torch.tensor(1), 'epoch': 3}
    assert non_finite(state) == ['b']


@pytest.mark.parametrize(('gpu', 'count'), [(False, 1), (True, 0)])
def test_automatic_mixed_precision_of_mmengine_needs_a_gpu(monkeypatch, gpu, count):
    monkeypatch.setattr('torch.cuda.is_available', lambda: gpu)
    assert len(wrapper_errors({'optim_wrapper': {'type': 'AmpOptimWrapper'}})) == count
    assert wrapper_errors({'optim_wrapper': {'type': 'OptimWrapper'}}) == []
    assert wrapper_errors({}) == []
