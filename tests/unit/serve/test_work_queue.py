"""Order, positions, slots, cancelling and closing of the work queue."""

import asyncio
import gc
import threading
import weakref
from collections.abc import AsyncIterator
from concurrent.futures import CancelledError

import pytest

from isic_mmdet.serve.work_queue import FullError, WorkQueue

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return 'asyncio'


@pytest.fixture
async def queue() -> AsyncIterator[WorkQueue]:
    """A queue with three slots."""
    queue = WorkQueue(3)
    yield queue
    await queue.close()


class Blocked:
    """Work that ends when its gate opens."""

    def __init__(self, result=None):
        self.result = result
        self.started = threading.Event()
        self.gate = threading.Event()

    def __call__(self):
        self.started.set()
        assert self.gate.wait(20)
        return self.result


async def started(work):
    assert await asyncio.to_thread(work.started.wait, 20)


async def test_positions_count_down_and_results_come_in_order(queue):
    works = [Blocked(number) for number in range(3)]
    results = []

    async def client(work):
        with queue.reserve() as job:
            job.submit(work)
            positions = [position async for position in job.positions()]
            results.append(await job.result())
            return positions

    clients = [asyncio.create_task(client(work)) for work in works]
    for number, work in enumerate(works):
        await started(work)
        assert not any(later.started.is_set() for later in works[number + 1 :])
        work.gate.set()
    assert await asyncio.gather(*clients) == [[0], [1, 0], [2, 1, 0]]
    assert results == [0, 1, 2]


async def test_an_unchanged_position_is_reported_again(queue):
    work = Blocked('done')
    with queue.reserve() as job:
        job.submit(work)
        positions = job.positions(every=0.01)
        assert [await anext(positions) for _ in range(3)] == [0, 0, 0]
        work.gate.set()
        assert await job.result() == 'done'


async def test_a_cancelled_job_frees_its_data_and_the_next_moves_up(queue):
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
        data, has_started = weakref.ref(cancelled), cancelled.started
        del cancelled
        gc.collect()
        assert data() is None
        first.gate.set()
        assert await other.result() == 'other'
    assert not has_started.is_set()


async def test_slots_are_limited_and_free_again(queue):
    with queue.reserve(), queue.reserve():
        with queue.reserve(), pytest.raises(FullError), queue.reserve():
            pass
        with queue.reserve() as job:
            job.submit(lambda: 1)
            assert await job.result() == 1


async def test_an_error_is_raised_by_result_and_the_worker_continues(queue):
    with queue.reserve() as job:
        job.submit(lambda: int('no number'))
        with pytest.raises(ValueError, match='no number'):
            await job.result()
    with queue.reserve() as job:
        job.submit(lambda: 2)
        assert await job.result() == 2


async def test_closing_cancels_waiting_jobs_and_finishes_the_running_one(queue):
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
