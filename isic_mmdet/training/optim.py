"""Updates that happen only where loss and gradients are numbers."""

from typing import Any

import torch
from mmdet.registry import OPTIM_WRAPPERS
from mmengine.dist import all_reduce
from mmengine.optim import OptimWrapper
from torch import Tensor


class NonFiniteError(ArithmeticError):
    """A loss or a gradient is infinite or no number; the weights are what they were before."""


@OPTIM_WRAPPERS.register_module()
class FiniteOptimWrapper(OptimWrapper):
    """mmengine's wrapper that raises before an infinity or a NaN gets into the weights.

    All processes raise where the loss of one is at fault, for its gradients are part of all.
    """

    def update_params(self, loss: Tensor, *args: Any, **kwargs: Any) -> None:
        """Go back from the loss and update the parameters.

        Raises:
            NonFiniteError: the loss or a gradient is not finite.
        """
        faulty = (~torch.isfinite(loss.detach())).any().float()
        all_reduce(faulty)
        if faulty:
            raise NonFiniteError(f'the loss is {float(loss.detach())}')
        super().update_params(loss, *args, **kwargs)

    def step(self, **kwargs: Any) -> None:
        """Clip the gradients if that is set, and update the parameters.

        Raises:
            NonFiniteError: a gradient is not finite.
        """
        gradients = [
            parameter.grad
            for group in self.param_groups
            for parameter in group['params']
            if parameter.grad is not None
        ]
        # Finite only if every term of the sum of squares is.
        norm = torch.nn.utils.get_total_norm(gradients)
        if not torch.isfinite(norm):
            raise NonFiniteError(f'the norm of the gradients is {float(norm)}')
        super().step(**kwargs)
