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
        self._child_has_ended = False

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
        """Run a block that no signal interrupts; who runs it looks at `requested` after.

        When a process that loads data has died, torch raises wherever the program is, and be it
        half-way through an update of the weights. `deliver` lets it do so later.
        """
        on_death = signal.signal(signal.SIGCHLD, self._take_note)
        self._deferred = True
        try:
            yield
        finally:
            self._deferred = False
            signal.signal(signal.SIGCHLD, on_death)

    def deliver(self) -> None:
        """Pass on that a child has ended meanwhile, whereupon torch raises if it should not have.

        Raises:
            RuntimeError: it loaded data.
        """
        has_ended, self._child_has_ended = self._child_has_ended, False
        handler = signal.getsignal(signal.SIGCHLD)
        if has_ended and callable(handler):
            handler(signal.SIGCHLD, None)

    def _take_note(self, number: int, frame: FrameType | None) -> None:
        self._child_has_ended = True

    def _receive(self, number: int, frame: FrameType | None) -> None:
        # Who is asked a second time, as by torchrun or Slurm after another process has ended, is
        # saving the state by then.
        was_requested, self.requested = self.requested, True
        if not (was_requested or self._deferred):
            raise Terminated
