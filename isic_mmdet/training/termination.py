"""A request to end, as clusters send it before they take a machine back."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from isic_mmdet.errors import Terminated


class Termination:
    """Turns SIGTERM into `Terminated`, at once or at the end of a step.

    Attributes:
        requested: whether the signal has come.
    """

    def __init__(self) -> None:
        self.requested = False
        self._deferred = False

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Run a block in which the signal raises `Terminated`."""
        previous = signal.signal(signal.SIGTERM, self._receive)
        try:
            yield
        finally:
            signal.signal(signal.SIGTERM, previous)

    @contextmanager
    def deferred(self) -> Iterator[None]:
        """Run a block that the signal does not interrupt; who runs it looks at `requested`."""
        self._deferred = True
        try:
            yield
        finally:
            self._deferred = False

    def _receive(self, number: int, frame: FrameType | None) -> None:
        self.requested = True
        if not self._deferred:
            raise Terminated
