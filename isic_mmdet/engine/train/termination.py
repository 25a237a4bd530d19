"""SIGTERM, which clusters send before they take a machine back."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from isic_mmdet.errors import Terminated

# Windows has no such signal; there `DataLoader` itself checks whether its processes are alive.
_SIGCHLD: int | None = getattr(signal, 'SIGCHLD', None)


class Termination:
    """Turns SIGTERM into `Terminated`, at once or at the end of a step.

    Attributes:
        requested: whether the signal was received.
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
        """Run a block that no signal interrupts; the caller checks `requested` afterwards.

        If a data loading process dies, torch raises in its SIGCHLD handler, possibly in the middle
        of a weight update. `deliver` lets it raise later.
        """
        on_death = _SIGCHLD and signal.signal(_SIGCHLD, self._note_child)
        self._deferred = True
        try:
            yield
        finally:
            self._deferred = False
            if _SIGCHLD:
                signal.signal(_SIGCHLD, on_death)

    def deliver(self) -> None:
        """Call torch's SIGCHLD handler if a child has ended in a deferred block.

        Raises:
            RuntimeError: the child was a data loading process that died.
        """
        has_ended, self._child_has_ended = self._child_has_ended, False
        if _SIGCHLD and has_ended and callable(handler := signal.getsignal(_SIGCHLD)):
            handler(_SIGCHLD, None)

    def _note_child(self, number: int, frame: FrameType | None) -> None:
        self._child_has_ended = True

    def _receive(self, number: int, frame: FrameType | None) -> None:
        # torchrun and Slurm may send a second signal, while the state is being saved.
        was_requested, self.requested = self.requested, True
        if not (was_requested or self._deferred):
            raise Terminated
