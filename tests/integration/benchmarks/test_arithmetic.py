import pytest
import torch

from benchmarks.arithmetic import arithmetic


def test_a_convolution_is_counted_forward_and_backward():
    convolution = torch.nn.Conv2d(4, 8, 3, padding=1, bias=False)
    images = torch.randn(2, 4, 10, 10, requires_grad=True)
    found = arithmetic(lambda: convolution(images).sum().backward(), 0.5, torch.device('cpu'))
    forward = 2 * (2 * 10 * 10) * (3 * 3 * 4) * 8
    assert found['operations'] == pytest.approx(3 * forward)
    assert found['operations_per_s'] == pytest.approx(6 * forward)
    assert found['share'] == pytest.approx(6 * forward / found['bfloat16_operations_per_s'])
