"""What a checkpoint of mmengine may contain in addition to tensors and plain Python values.

Upstream bug: since torch 2.6 `torch.load` runs no code from a file (`weights_only`) and refuses
unknown classes. mmengine 0.10.7 writes two kinds of them into each checkpoint: the `HistoryBuffer`
of the message hub and NumPy's numbers (open-mmlab/mmengine 1650, 1655). This can be removed when
mmengine registers its own classes.

The usual advice is to allow these classes and `getattr` as they are. That is unsafe: `getattr`
reaches any function of any class, `HistoryBuffer.__setstate__` writes functions from the file into
a table of the whole process, and the state of a NumPy dtype can make NumPy read numbers as
pointers. Therefore torch calls the stand-ins below under the original names.
"""

from collections.abc import Callable
from pickle import UnpicklingError
from typing import Any

import numpy as np
import torch
from mmengine.logging import HistoryBuffer
from mmengine.optim.scheduler.param_scheduler import OneCycleParamScheduler

_NUMBERS = [np.dtype(name) for name in ('bool', 'int32', 'int64', 'float32', 'float64')]
_NOT_ALLOWED = 'was not an allowed global by default.'  # as torch words its own refusals


class NumberType:
    """Stands in for `numpy.dtype`: only plain numbers, and only the byte order of the state."""

    def __init__(self, code: str, align: bool = False, copy: bool = False) -> None:
        self.dtype = np.dtype(code)
        if self.dtype not in _NUMBERS:
            raise UnpicklingError(f'GLOBAL numpy.dtype({code!r}) {_NOT_ALLOWED}')

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.dtype = self.dtype.newbyteorder(state[1])


class LoadedArray(np.ndarray):
    """Stands in for `numpy.ndarray`; it is saved as a plain array."""

    def __new__(cls) -> 'LoadedArray':
        """Return an empty array, whatever the file demands."""
        return np.empty(0).view(cls)

    def __setstate__(self, state: tuple[Any, ...], /) -> None:
        _, shape, number_type, fortran_order, raw = state
        super().__setstate__((1, shape, number_type.dtype, fortran_order, raw))

    def __reduce__(self) -> Any:
        return np.asarray(self).__reduce__()


def new_array(owner: type, shape: tuple[int, ...], code: bytes) -> LoadedArray:
    """Stand in for `_reconstruct`: return an array that its state will fill."""
    return LoadedArray()


def number(number_type: NumberType, raw: bytes) -> np.generic:
    """Stand in for `scalar`."""
    return np.frombuffer(raw, number_type.dtype, count=1)[0]


class LoadedHistoryBuffer(HistoryBuffer):
    """Stands in for `HistoryBuffer`: takes only its numbers and becomes a plain one."""

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__class__ = HistoryBuffer
        HistoryBuffer.__init__(
            self, state['_log_history'], state['_count_history'], state['max_length']
        )


class OneCycleOwner:
    """Stands in for `OneCycleParamScheduler`, whose state refers to its annealing function."""


_FUNCTIONS: dict[tuple[type, str], Any] = {
    # The functions of a buffer are not used, so their names are enough.
    **{(LoadedHistoryBuffer, name): name for name in ('min', 'max', 'current', 'mean')},
    **{
        (OneCycleOwner, name): getattr(OneCycleParamScheduler, name)
        for name in ('_annealing_cos', '_annealing_linear')
    },
}


def known_function(owner: type, name: str) -> Any:
    """Stand in for `getattr`, by which a file refers to functions of mmengine's classes."""
    if (owner, name) not in _FUNCTIONS:
        raise UnpicklingError(f'GLOBAL getattr(..., {name!r}) {_NOT_ALLOWED}')
    return _FUNCTIONS[owner, name]


_STAND_INS: dict[str, Callable[..., Any]] = {
    'builtins.bytes': bytes,  # a call of it writes the content of an empty array
    'builtins.getattr': known_function,
    'mmengine.logging.history_buffer.HistoryBuffer': LoadedHistoryBuffer,
    'mmengine.optim.scheduler.param_scheduler.OneCycleParamScheduler': OneCycleOwner,
    'numpy.dtype': NumberType,
    'numpy.ndarray': LoadedArray,
    'numpy._core.multiarray._reconstruct': new_array,
    'numpy._core.multiarray.scalar': number,
    # The same in files written under NumPy 1, as most published files are.
    'numpy.core.multiarray._reconstruct': new_array,
    'numpy.core.multiarray.scalar': number,
}


def allow_mmengine_classes() -> None:
    """Let `torch.load` read the checkpoints that mmengine's Runner writes."""
    torch.serialization.add_safe_globals(
        [(stand_in, name) for name, stand_in in _STAND_INS.items()]
    )
