"""Requests stand in a line: one is worked on, the others know how many are before them."""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

Result = TypeVar('Result')


class FullError(Exception):
    """As many requests as may wait do so."""


class QueuedJob(Generic[Result]):
    """One request's place in a line; `Line.ticket` gives it."""

    def __init__(self, line: 'Line') -> None:
        self._line = line
        self._work: Callable[[], Result] | None = None
        self._result: Result | None = None
        self._error: BaseException | None = None
        self._done = False

    def queue(self, work: Callable[[], Result]) -> None:
        """Take the last place; `work` runs in the line's own thread when its turn comes."""
        self._work = work
        with self._line.changed:
            self._line.waiting.append(self)
            self._line.changed.notify_all()

    def places(self, every: float = 2.0) -> Iterator[int]:
        """Yield how many requests are before this one, 0 in work, until it is done.

        Args:
            every: seconds after which a number comes again though it is the same.
        """
        told, at = None, 0.0
        while True:
            with self._line.changed:
                while not self._done and (place := self._line.place(self)) == told:
                    left = at + every - time.monotonic()
                    if left <= 0:
                        break
                    self._line.changed.wait(left)
                if self._done:
                    return
            yield place
            told, at = place, time.monotonic()

    def result(self) -> Result:
        """Wait until the work is done, and return or raise what it did."""
        for _ in self.places():
            pass
        if self._error is not None:
            raise self._error
        return self._result  # type: ignore[return-value]  # set, as there is no error

    def run(self) -> None:
        """Do the work; for the line."""
        assert self._work is not None
        try:
            self._result = self._work()
        except BaseException as error:  # raised again in the thread that waits for it
            self._error = error
        self._work = None  # and with it the upload


class Line:
    """A line with one worker, who is a thread of its own.

    One thread, and not those that wait, does all work with pixels: the memory that it frees is
    used again by the next request instead of staying with as many threads as there were users.

    Args:
        places: tickets that may be out at the same time.
    """

    def __init__(self, places: int) -> None:
        self.changed = threading.Condition()
        self.waiting: deque[QueuedJob] = deque()
        self._current: QueuedJob | None = None
        self._free = threading.Semaphore(places)
        self._closed = False
        self._thread = threading.Thread(target=self._serve, name='line', daemon=True)
        self._thread.start()

    @contextmanager
    def ticket(self) -> Iterator[QueuedJob]:
        """Give a ticket; who leaves the block gives it back, and his place if he still waits.

        Raises:
            FullError: none is left.
        """
        if not self._free.acquire(blocking=False):
            raise FullError
        ticket: QueuedJob = QueuedJob(self)
        try:
            yield ticket
        finally:
            with self.changed:
                if ticket in self.waiting:
                    self.waiting.remove(ticket)
                    self.changed.notify_all()
            self._free.release()

    def place(self, ticket: QueuedJob) -> int:
        """Return how many are before a ticket that is queued and not done; call with `changed`."""
        if ticket is self._current:
            return 0
        return self.waiting.index(ticket) + (self._current is not None)

    def close(self) -> None:
        """Let the worker finish what it has in hand, and end."""
        with self.changed:
            self._closed = True
            self.changed.notify_all()
        self._thread.join()

    def _serve(self) -> None:
        while True:
            with self.changed:
                self.changed.wait_for(lambda: self.waiting or self._closed)
                if self._closed:
                    return
                self._current = ticket = self.waiting.popleft()
                self.changed.notify_all()
            ticket.run()
            with self.changed:
                ticket._done = True
                self._current = None
                self.changed.notify_all()
            del ticket
