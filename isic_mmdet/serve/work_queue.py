"""One worker thread runs all jobs in order; a waiting job knows how many are ahead of it.

One thread does all work with pixels, so the next job uses the memory that the last one freed.
Everything else here runs in the event loop.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import anyio


class FullError(Exception):
    """All slots of the queue are taken."""


class QueuedJob:
    """One slot of a queue, see `WorkQueue.reserve`."""

    def __init__(self, queue: 'WorkQueue') -> None:
        self._queue = queue
        self._work: Callable[[], Any] | None = None
        self._future: Future[Any] | None = None

    def submit(self, work: Callable[[], Any]) -> None:
        """Append `work` to the queue."""
        loop, queue = asyncio.get_running_loop(), self._queue
        self._work = work
        self._future = queue.executor.submit(self._run)
        queue.jobs.append(self)
        self._future.add_done_callback(lambda _: loop.call_soon_threadsafe(queue.remove, self))

    async def positions(self, every: float = 2.0) -> AsyncIterator[int]:
        """Yield how many jobs are ahead (0: this one runs) at each change, until it is done.

        Args:
            every: seconds after which an unchanged number is yielded again.
        """
        reported = None
        while self in self._queue.jobs:
            position = self._queue.jobs.index(self)
            if position != reported:
                reported = position
                yield position
                continue  # it may have changed in the meantime
            with anyio.move_on_after(every) as waiting:
                await self._queue.change.wait()
            if waiting.cancelled_caught:
                reported = None

    async def result(self) -> Any:
        """Wait until the job is done, and return or raise what its work did.

        Raises:
            concurrent.futures.CancelledError: the queue was closed before the job started.
        """
        async for _ in self.positions():
            pass
        assert self._future is not None
        return self._future.result()

    def _run(self) -> Any:
        work, self._work = self._work, None
        assert work is not None
        return work()

    def cancel(self) -> None:
        """Leave the queue and free the data of the work, unless the job has started."""
        if self._future is not None and self._future.cancel():
            self._work = None


class WorkQueue:
    """A first-in, first-out queue with one worker thread and a number of `slots`.

    Attributes:
        jobs: the one that runs, then those that wait.
        change: is set when a job is done or leaves, and then replaced.
        executor: the worker thread.
    """

    def __init__(self, slots: int) -> None:
        self._free = slots
        self.jobs: list[QueuedJob] = []
        self.change = asyncio.Event()
        self.executor = ThreadPoolExecutor(1, 'worker')

    @contextmanager
    def reserve(self) -> Iterator[QueuedJob]:
        """Reserve a slot; leaving the block frees it and cancels the job if it has not started.

        Raises:
            FullError: no slot is free.
        """
        if not self._free:
            raise FullError
        self._free -= 1
        job = QueuedJob(self)
        try:
            yield job
        finally:
            job.cancel()
            self._free += 1

    def remove(self, job: QueuedJob) -> None:
        """Remove a job that is done or was cancelled."""
        self.jobs.remove(job)
        self.change.set()
        self.change = asyncio.Event()

    async def close(self) -> None:
        """Cancel the jobs that wait, and wait for the one that runs."""
        self.executor.shutdown(wait=False, cancel_futures=True)
        while self.jobs:
            await self.change.wait()
