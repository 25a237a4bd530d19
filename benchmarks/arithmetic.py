"""How much of what the processor can multiply a network makes use of."""

import time
from collections.abc import Callable
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

_SIDE = 2048
_ROUNDS = 8


def arithmetic(step: Callable[[], object], seconds: float, device: torch.device) -> dict[str, Any]:
    """Set the arithmetic of a step against that of a matrix product.

    Args:
        step: whose convolutions and matrix products are counted, forward and backward.
        seconds: that it takes.
        device: that it runs on.

    Returns:
        `operations` of a step (a multiplication and an addition are two), `operations_per_s`,
        `bfloat16_operations_per_s` of the product of two square matrices, and the `share` of the
        second in the third.
    """
    with FlopCounterMode(display=False) as counter:
        step()
    operations = counter.get_total_flops()
    peak = _matrix_product_rate(device)
    rate = operations / seconds
    return {
        'operations': operations,
        'operations_per_s': rate,
        'bfloat16_operations_per_s': peak,
        'share': rate / peak,
    }


def _matrix_product_rate(device: torch.device) -> float:
    left, right = (torch.randn(_SIDE, _SIDE, dtype=torch.bfloat16, device=device) for _ in range(2))
    fastest = float('inf')
    for _ in range(_ROUNDS):
        start = time.perf_counter()
        product = left @ right
        if product.is_cuda:
            torch.cuda.synchronize()
        fastest = min(fastest, time.perf_counter() - start)
    return 2 * _SIDE**3 / fastest
