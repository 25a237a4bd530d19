"""Pairs converted, and copies made of them, on all cores."""

import multiprocessing
import multiprocessing.connection
import os
import signal
import sys
import threading
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import Generic, TypeVar

import cv2

from isic_mmdet.errors import InputError
from isic_mmdet.isic.prepare import pairs
from isic_mmdet.utils.system import keep_freed_memory

_Result = TypeVar('_Result')


@dataclass(frozen=True)
class Job(Generic[_Result]):
    """One sample to be made.

    Attributes:
        isic_id: id that its record will have.
        key: key that its record will have.
        run: makes it; has to be picklable.
    """

    isic_id: str
    key: str
    run: Callable[[], _Result]


def run_jobs(jobs: Sequence[Job[_Result]], workers: int) -> Generator[_Result, None, None]:
    """Run jobs and give each result as it is finished, in no particular order.

    Args:
        jobs: what to do.
        workers: number of processes; with 1 the work is done in this one.

    Raises:
        InputError: a worker was killed.
        OSError: the prepared data set cannot be written to.
    """
    if workers == 1 or len(jobs) < 2:
        for job in jobs:
            yield job.run()
    else:
        yield from _run_in_pool(jobs, min(workers, len(jobs)))


def _run_in_pool(jobs: Sequence[Job[_Result]], workers: int) -> Generator[_Result, None, None]:
    # Workers come from a fresh process, for this one may hold locks in other threads. On Linux it
    # serves them all, and imports once.
    context = multiprocessing.get_context('forkserver' if sys.platform == 'linux' else 'spawn')
    context.set_forkserver_preload(['__main__', pairs.__name__])
    executor = ProcessPoolExecutor(workers, mp_context=context, initializer=_start_worker)
    try:
        futures = [executor.submit(job.run) for job in jobs]
        for future in as_completed(futures):
            yield future.result()
    except BrokenProcessPool as error:
        raise InputError(
            'a worker process was killed, most likely for lack of memory; run the same command'
            ' with fewer --workers, it continues where it stopped'
        ) from error
    finally:
        executor.shutdown(cancel_futures=True)


def _start_worker() -> None:
    cv2.setNumThreads(1)  # one thread a process; more would fight over the same cores
    keep_freed_memory()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent handles Ctrl-C
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        multiprocessing.connection.wait([parent.sentinel])
        os._exit(1)
