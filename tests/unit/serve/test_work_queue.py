"""Order, positions, slots, cancelling and closing of the work queue."""

import asyncio
import gc
import threading
import weakref
from concurrent.futures import CancelledError

import pytest

from isic_mmdet.serve.work_queue import FullError, WorkQueue


class Blocked:
    """Work that starts when it is called and ends when its gate opens."""

    def __init__(self, result=None):
        self.result = result
        self.started = threading.Event()
        self.gate = threading.Event()

    def __call__(self):
        self.started.set()
        assert self.gate.wait(20)
        return self.result


def run(test, slots=4):
    """Run a coroutine function with a queue, and close the queue."""

    async def main():
        queue = WorkQueue(slots)
        try:
            await asyncio.wait_for(test(queue), 20)
        finally:
            await queue.close()

    asyncio.run(main())


async def started(work):
    assert await asyncio.to_thread(work.started.wait, 20)


def test_positions_count_down_and_results_come_in_order():
    works = [Blocked(number) for number in range(3)]
    results = []

    async def client(queue, work):
        with queue.reserve() as job:
            job.submit(work)
            positions = [position async for position in job.positions()]
            results.append(await job.result())
            return positions

    async def test(queue):
        clients = [asyncio.create_task(client(queue, work)) for work in works]
        for number, work in enumerate(works):
            await started(work)
            assert not any(later.started.is_set() for later in works[number + 1 :])
            work.gate.set()
        assert await asyncio.gather(*clients) == [[0], [1, 0], [2, 1, 0]]

    run(test)
    assert results == [0, 1, 2]


def test_an_unchanged_position_is_reported_again():
    async def test(queue):
        work = Blocked('done')
        with queue.reserve() as job:
            job.submit(work)
            positions = job.positions(every=0.01)
            assert [await anext(positions) for _ in range(3)] == [0, 0, 0]
            work.gate.set()
            assert await job.result() == 'done'

    run(test)


def test_a_cancelled_job_does_not_run_and_the_next_moves_up():
    async def test(queue):
        first, cancelled = Blocked('first'), Blocked()
        with queue.reserve() as one, queue.reserve() as other:
            one.submit(first)
            await started(first)
            with queue.reserve() as leaving:
                leaving.submit(cancelled)
                other.submit(lambda: 'other')
                positions = other.positions()
                assert await anext(positions) == 2
            assert await anext(positions) == 1
            first.gate.set()
            assert await other.result() == 'other'
        assert not cancelled.started.is_set()

    run(test)


def test_a_cancelled_job_frees_its_data_at_once():
    async def test(queue):
        first, cancelled = Blocked(), Blocked()
        with queue.reserve() as one:
            one.submit(first)
            await started(first)
            with queue.reserve() as leaving:
                leaving.submit(cancelled)
            data = weakref.ref(cancelled)
            del cancelled
            gc.collect()
            assert data() is None
            first.gate.set()

    run(test)


def test_slots_are_limited_and_free_again():
    async def test(queue):
        with queue.reserve():
            with queue.reserve(), pytest.raises(FullError), queue.reserve():
                pass
            with queue.reserve() as job:
                job.submit(lambda: 1)
                assert await job.result() == 1

    run(test, slots=2)


def test_an_error_is_raised_by_result_and_the_worker_goes_on():
    async def test(queue):
        with queue.reserve() as job:
            job.submit(lambda: int('no number'))
            with pytest.raises(ValueError, match='no number'):
                await job.result()
        with queue.reserve() as job:
            job.submit(lambda: 2)
            assert await job.result() == 2

    run(test)


def test_closing_cancels_what_waits_and_finishes_what_runs():
    async def test(queue):
        running, waiting = Blocked('done'), Blocked()
        with queue.reserve() as one, queue.reserve() as other:
            one.submit(running)
            other.submit(waiting)
            await started(running)
            closing = asyncio.create_task(queue.close())
            with pytest.raises(CancelledError):
                await other.result()
            running.gate.set()
            assert await one.result() == 'done'
            await closing
        assert not waiting.started.is_set()

    run(test)
