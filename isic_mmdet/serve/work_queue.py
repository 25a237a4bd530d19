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
        self._work = work
        self._future = self._queue.add(self)

    async def positions(self, every: float = 2.0) -> AsyncIterator[int]:
        """Yield how many jobs are ahead (0: this one runs) at each change, until it is done.

        Args:
            every: seconds after which an unchanged number is yielded again.
        """
        reported = None
        while (position := self._queue.position(self)) is not None:
            if position != reported:
                reported = position
                yield position
                continue  # it may have changed in the meantime
            with anyio.move_on_after(every) as waiting:
                await self._queue.changed()
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

    def run(self) -> Any:
        """Do the work; called in the worker thread."""
        work, self._work = self._work, None
        assert work is not None
        return work()

    def cancel(self) -> None:
        """Leave the queue and free the data of the work, unless the job has started."""
        if self._future is not None and self._future.cancel():
            self._work = None


class WorkQueue:
    """A first-in, first-out queue with one worker thread and a number of `slots`."""

    def __init__(self, slots: int) -> None:
        self._free = slots
        self._jobs: list[QueuedJob] = []  # the one that runs, then those that wait
        self._change = asyncio.Event()
        self._executor = ThreadPoolExecutor(1, 'worker')

    def __len__(self) -> int:
        return len(self._jobs)

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

    def add(self, job: QueuedJob) -> 'Future[Any]':
        """Append a job of this queue."""
        loop = asyncio.get_running_loop()
        future = self._executor.submit(job.run)
        self._jobs.append(job)
        future.add_done_callback(lambda _: loop.call_soon_threadsafe(self._remove, job))
        return future

    def position(self, job: QueuedJob) -> int | None:
        """Return how many jobs are ahead of a job, None if it is done."""
        return self._jobs.index(job) if job in self._jobs else None

    async def changed(self) -> None:
        """Wait until a job is done or leaves."""
        await self._change.wait()

    async def close(self) -> None:
        """Cancel the jobs that wait, and wait for the one that runs."""
        self._executor.shutdown(wait=False, cancel_futures=True)
        while self._jobs:
            await self.changed()

    def _remove(self, job: QueuedJob) -> None:
        self._jobs.remove(job)
        self._change.set()
        self._change = asyncio.Event()
