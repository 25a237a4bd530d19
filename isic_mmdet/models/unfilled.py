"""Models whose weights are about to be loaded need no random ones before."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch.nn import init
from torch.overrides import TorchFunctionMode

_FILLS: set[Callable[..., Any]] = {
    init.kaiming_normal_,
    init.kaiming_uniform_,
    init.normal_,
    init.trunc_normal_,
    init.uniform_,
    init.xavier_normal_,
    init.xavier_uniform_,
    torch.Tensor.normal_,
    torch.Tensor.uniform_,
}


class Unfilled(TorchFunctionMode):
    """A block in which tensors that would get random numbers keep what lies in their memory.

    Drawing fifty million of them takes as long as reading the checkpoint that replaces them.
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Call `func`, or return the tensor that it would fill."""
        kwargs = kwargs or {}
        if func in _FILLS:
            return args[0] if args else kwargs['tensor']
        return func(*args, **kwargs)
